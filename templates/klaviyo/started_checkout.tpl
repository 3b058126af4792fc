{{%AUTOESCAPE context="JAVASCRIPT"}}{{!
klaviyo/started_checkout.tpl - on the checkout page of a known visitor (guide:
"Started Checkout", "when someone visits the checkout page after they've been
identified"). Goes into identify.tpl.

KLAVIYO_JSON  json  object: klaviyo_started_checkout()
}}    klaviyo.track("Started Checkout", {{KLAVIYO_JSON:none}});
