{{%AUTOESCAPE context="HTML"}}{{!
script.tpl - loads the shop's own script, on every page. Through the DOM,
because the Content-Security-Policy allows scripts by hash and what those add.

No variables.
}}<script>
(function () {
  var script = document.createElement("script");
  script.async = true;
  script.src = "/shop.js";
  document.head.appendChild(script);
})();
</script>
