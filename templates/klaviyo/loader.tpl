{{%AUTOESCAPE context="HTML"}}{{!
klaviyo/loader.tpl - loads klaviyo.js (guide: "Active on Site tracking
snippet"). Once a page, on every page but log-in, reset and admin pages. Added
through the DOM, so that a Content-Security-Policy with 'strict-dynamic' lets
it load its own modules.

KLAVIYO_URL  json  string: the script's address, klaviyo_script_url() through
                   klaviyo_script_string()
}}<script>
(function () {
  var script = document.createElement("script");
  script.async = true;
  script.src = {{KLAVIYO_URL:none}};
  document.head.appendChild(script);
})();
</script>
