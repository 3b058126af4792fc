{{%AUTOESCAPE context="HTML"}}{{!
klaviyo/object.tpl - the klaviyo object (guide: "How to load the klaviyo
object"). Once a page, before every other klaviyo snippet: calls made before
klaviyo.js has arrived wait in window._klOnsite and are answered then.

No variables. Never `await klaviyo`: each property of it is a function.
}}<script>
(function () {
  if (window.klaviyo) return;
  window._klOnsite = window._klOnsite || [];
  function push() {
    window._klOnsite.push.apply(window._klOnsite, arguments);
  }
  function queued(method) {
    return function () {
      var call = [method].concat([].slice.call(arguments));
      var last = call[call.length - 1];
      var callback = typeof last === "function" ? call.pop() : null;
      return new Promise(function (resolve) {
        push(call.concat(function (result) {
          if (callback) callback(result);
          resolve(result);
        }));
      });
    };
  }
  try {
    window.klaviyo = new Proxy({}, {
      get: function (object, name) {
        return name === "push" ? push : queued(name);
      }
    });
  } catch (old) {
    window.klaviyo = [];
    window.klaviyo.push = push;
  }
})();
</script>
