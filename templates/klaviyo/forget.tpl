{{%AUTOESCAPE context="HTML"}}{{!
klaviyo/forget.tpl - on the pages of a visitor who does not want to be tracked:
removes what klaviyo.js has left in the browser, its cookie on this host and on
those above it, and its keys in both storages. Its opt-out cookie stays.

No variables.
}}<script>
(function () {
  var host = location.hostname.split(".");
  function end(domain) {
    document.cookie = "__kla_id=; path=/; max-age=0" + domain;
  }
  end("");
  for (; host.length > 1; host.shift()) end("; domain=" + host.join("."));
  [].forEach.call(["localStorage", "sessionStorage"], function (name) {
    try {
      Object.keys(window[name]).forEach(function (key) {
        if (/^(__kla_|kl-|klaviyo)/.test(key)) window[name].removeItem(key);
      });
    } catch (forbidden) { /* then there is nothing in it */ }
  });
})();
</script>
