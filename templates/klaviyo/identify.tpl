{{%AUTOESCAPE context="HTML"}}{{!
klaviyo/identify.tpl - identify for the known visitor, and the page's events in
its callback (guide: "Callback support"): an event that went out before its
visitor is known would be lost. Only for an address that this session logged in
with or has just posted, never one from a URL.

KLAVIYO_PROFILE  json     object: klaviyo_identify()
EVENT            include  viewed_product.tpl, viewed_item.tpl,
                          added_to_cart.tpl or started_checkout.tpl, for each
                          event of the page; may be none
It leaves the promise window.klaviyoIdentified for scripts that report later.
}}<script>
(function () {
  window.klaviyoIdentified = klaviyo.identify({{KLAVIYO_PROFILE:none}}, function () {
{{>EVENT}}
  });
})();
</script>
