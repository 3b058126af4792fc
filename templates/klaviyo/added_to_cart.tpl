{{%AUTOESCAPE context="JAVASCRIPT"}}{{!
klaviyo/added_to_cart.tpl - on the page that answers a form that added to the
cart (guide: "Added to Cart tracking snippet"), once. Goes into identify.tpl or
events.tpl. A script that adds by fetch gets the same object as the answer.

KLAVIYO_JSON  json  object: klaviyo_added_to_cart()
}}    klaviyo.track("Added to Cart", {{KLAVIYO_JSON:none}});
