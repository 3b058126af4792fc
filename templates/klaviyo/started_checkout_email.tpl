{{%AUTOESCAPE context="JAVASCRIPT"}}{{!
klaviyo/started_checkout_email.tpl - on the checkout page of a visitor whom the
shop does not know (guide: "Started Checkout", "when they enter their email
address"). klaviyo.js may know them by its cookie: then at once. Otherwise as
soon as the field with the id "email" holds an address; a corrected address is
reported too, for the first one was somebody else's. Goes into events.tpl.

KLAVIYO_JSON  json  object: klaviyo_started_checkout()
KLAVIYO_MARK  json  string: a name for this checkout, which the cookie "told"
                    has once it is reported, so that the server does not do it
                    too; "" where the server reports nothing
}}    var checkout = {{KLAVIYO_JSON:none}};
    var field = document.getElementById("email");
    var reported = null;
    var mark = {{KLAVIYO_MARK:none}};
    function told(what) {
      if (mark) document.cookie = "told=" + what + "; path=/checkout; samesite=lax" +
        (location.protocol === "https:" ? "; secure" : "");
    }
    function started() {
      told(mark);
      klaviyo.track("Started Checkout", checkout).then(function (sent) {
        if (sent === false) told("");
      }, function () {
        told("");
      });
    }
    function entered() {
      var email = field.value.trim();
      if (!email || email === reported || !field.checkValidity()) return;
      var cookied = reported === true;
      reported = email;
      klaviyo.identify({ email: email }, cookied ? undefined : started);
    }
    klaviyo.isIdentified(function (yes) {
      if (!yes || reported) return;
      reported = true;
      started();
    });
    if (field) {
      field.addEventListener("change", entered);
      entered();
    }
