{{%AUTOESCAPE context="JAVASCRIPT"}}{{!
klaviyo/viewed_product.tpl - on a product page (guide: "Viewed Product tracking
snippet"). Goes into identify.tpl or events.tpl.

KLAVIYO_JSON  json  object: klaviyo_viewed_product()
}}    klaviyo.track("Viewed Product", {{KLAVIYO_JSON:none}});
