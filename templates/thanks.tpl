{{%AUTOESCAPE context="HTML"}}{{!
thanks.tpl - an order, as its buyer sees it: right after buying and later.

NEW             section  shown right after buying: says thank you
LATER           section  shown on later visits instead
FIRST_NAME      text     of the buyer
ORDER           text     number of the order
DATE            text     such as "14 March 2026"
STATUS          text     such as "Placed", "Sent", "Cancelled", "Refunded"
EMAIL           text
PHONE           section  once, if given: TEXT
LINE            section  for each line: TITLE, URL, VARIANT (section, once,
                         with TEXT), QUANTITY, ROW_TOTAL, PICTURE (section:
                         IMAGE)
SUBTOTAL        text     formatted
DISCOUNT_ON     section  once, if there was one: CODE, AMOUNT (formatted,
                         without a sign)
SHIPPING_TOTAL  text     formatted, or "Free"
METHOD_NAME     text     way of delivery
TOTAL           text     formatted
DELIVERY_LINE   section  for each line of the delivery address: TEXT
BILLING_LINE    section  for each line of the billing address: TEXT
NEXT            section  for each step of what happens next: TEXT
}}    <div class="thanks">
      <div class="page-head">
        <p class="eyebrow">Order {{ORDER}}</p>
        <h1>{{#NEW}}Thank you, {{FIRST_NAME}}.{{/NEW}}{{#LATER}}Your order{{/LATER}}</h1>
{{#NEW}}        <p class="lede">Your order is in. A confirmation is on its way to <span class="wrap-any">{{EMAIL}}</span>.</p>
{{/NEW}}        <dl class="facts">
          <div><dt>Status</dt><dd>{{STATUS}}</dd></div>
          <div><dt>Date</dt><dd>{{DATE}}</dd></div>
        </dl>
      </div>
      <div class="thanks-cols">
        <section class="summary" aria-labelledby="ordered">
          <h2 id="ordered">What you ordered</h2>
          <ul class="summary-lines" role="list">
{{#LINE}}            <li>
              <span class="pic">{{#PICTURE}}<img src="{{IMAGE}}" alt="" width="80" height="100" decoding="async">{{/PICTURE}}<span class="pic-none" aria-hidden="true"></span></span>
              <span class="summary-words"><a class="summary-title" href="{{URL}}">{{TITLE}}</a>{{#VARIANT}} <span class="summary-variant">{{TEXT}}</span>{{/VARIANT}} <span class="summary-quantity"><span class="unseen">Quantity </span><span aria-hidden="true">× </span>{{QUANTITY}}</span></span>
              <span class="summary-price">{{ROW_TOTAL}}</span>
            </li>
{{/LINE}}          </ul>
          <dl class="sums">
            <div><dt>Subtotal</dt><dd>{{SUBTOTAL}}</dd></div>
{{#DISCOUNT_ON}}            <div class="sums-discount"><dt>Discount <span class="code">{{CODE}}</span></dt><dd>−{{AMOUNT}}</dd></div>
{{/DISCOUNT_ON}}            <div><dt>Delivery <span class="sums-note">{{METHOD_NAME}}</span></dt><dd>{{SHIPPING_TOTAL}}</dd></div>
            <div class="sums-total"><dt>Total</dt><dd>{{TOTAL}}</dd></div>
          </dl>
        </section>
        <div class="thanks-side">
          <section aria-labelledby="next">
            <h2 id="next">What happens next</h2>
            <ol class="steps">
{{#NEXT}}              <li>{{TEXT}}</li>
{{/NEXT}}            </ol>
          </section>
          <section aria-labelledby="delivered">
            <h2 id="delivered">Delivered to</h2>
            <address>{{#DELIVERY_LINE}}{{TEXT}}<br>{{/DELIVERY_LINE}}</address>
          </section>
          <section aria-labelledby="billed">
            <h2 id="billed">Billed to</h2>
            <address>{{#BILLING_LINE}}{{TEXT}}<br>{{/BILLING_LINE}}</address>
          </section>
          <section aria-labelledby="contact">
            <h2 id="contact">Contact</h2>
            <p class="wrap-any">{{EMAIL}}{{#PHONE}}<br>{{TEXT}}{{/PHONE}}</p>
          </section>
        </div>
      </div>
      <p class="thanks-on"><a class="button" href="/">Back to the shop</a></p>
    </div>
