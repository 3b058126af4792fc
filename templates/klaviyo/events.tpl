{{%AUTOESCAPE context="HTML"}}{{!
klaviyo/events.tpl - the page's events where the visitor is not known to the
shop: klaviyo.js may know them by its cookie, and keeps or drops the event by
the account's settings.

EVENT  include  viewed_product.tpl, viewed_item.tpl, added_to_cart.tpl,
                started_checkout_email.tpl, for each event of the page
}}<script>
(function () {
{{>EVENT}}
})();
</script>
