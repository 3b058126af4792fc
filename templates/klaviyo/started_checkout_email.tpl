{{%AUTOESCAPE context="JAVASCRIPT"}}{{!
klaviyo/started_checkout_email.tpl - on the checkout page of a visitor whom the
shop does not know (guide: "Started Checkout", "when they enter their email
address"). klaviyo.js may know them by its cookie: then at once. Otherwise as
soon as the field with the id "email" holds an address; a corrected address is
reported too, for the first one was somebody else's. Goes into events.tpl.

KLAVIYO_JSON  json  object: klaviyo_started_checkout()
}}    var checkout = {{KLAVIYO_JSON:none}};
    var field = document.getElementById("email");
    var reported = null;
    function started() {
      klaviyo.track("Started Checkout", checkout);
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
