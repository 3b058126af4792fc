{{%AUTOESCAPE context="JAVASCRIPT"}}{{!
klaviyo/viewed_item.tpl - on a product page, below viewed_product.tpl: the
"recently viewed items" of the profile. Goes into identify.tpl or events.tpl.

KLAVIYO_JSON  json  object: klaviyo_viewed_item()
}}    klaviyo.trackViewedItem({{KLAVIYO_JSON:none}});
