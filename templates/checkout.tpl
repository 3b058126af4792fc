{{%AUTOESCAPE context="HTML"}}{{!
checkout.tpl - contact, address, delivery, payment, summary: one form.

GUEST           section  shown to one who is not logged in
TOKEN           text     of this session
KEY             text     idempotency key of this attempt to order
ERRORS          section  once, if anything was refused: TEXT (a heading, such
                         as "Two things need another look"); in it, for each,
PROBLEM         section  FIELD (the field's name, which is its id), TEXT

The values that were typed, "" at first, each with a section of the same name
and _ERROR (once, with TEXT) when it was refused:

  EMAIL PHONE FIRST_NAME LAST_NAME ADDRESS1 ADDRESS2 CITY REGION ZIP COUNTRY
  BILLING_FIRST_NAME BILLING_LAST_NAME BILLING_ADDRESS1 BILLING_ADDRESS2
  BILLING_CITY BILLING_REGION BILLING_ZIP BILLING_COUNTRY
  DISCOUNT SHIPPING PAYMENT

EMAIL_ERROR, for example, belongs to EMAIL. Field names are these in small
letters; ids are the same. Not all of them are text:

COUNTRY_OPTION  section  for each country: CODE, NAME, SELECTED (section);
BILLING_COUNTRY_OPTION   and once more for the other address
BILLING_SAME    section  shown when the box "same as delivery" is ticked
NEWSLETTER      section  shown when the box of newsletters by e-mail is ticked,
NEWSLETTER_SMS  section  and that of text messages: never at first
METHOD          section  for each way of delivery: CODE (value of the field
                         shipping), NAME, PRICE (text), WHEN (text, such as
                         "3 to 5 days"), CHECKED (section)
DISCOUNT        text     the code that was typed
DISCOUNT_ON     section  once, if a code is applied: CODE, AMOUNT (formatted,
                         without a sign)
LINE            section  for each line: TITLE, VARIANT (section, once, with
                         TEXT), QUANTITY, ROW_TOTAL, PICTURE (section: IMAGE)
SUBTOTAL        text     formatted
SHIPPING_TOTAL  text     formatted, or "Free"
TOTAL           text     formatted
PAY_APPROVE     section  shown when payment=approve is to be checked (default)
PAY_DECLINE     section  shown when payment=decline is to be checked

Buttons: action=order and action=apply (a discount code). Pressing Enter means
action=order. billing_same=1 is sent when the box is ticked, and so are
newsletter=1 and newsletter_sms=1.
}}    <h1 class="page-title">Checkout</h1>
{{#GUEST}}    <p class="checkout-account">Have an account? <a href="/account/login?next=/checkout">Log in</a>, and most of this is filled in.</p>
{{/GUEST}}{{#ERRORS}}    <div class="notice notice-error" role="alert" tabindex="-1" data-errors>
      <h2>{{TEXT}}</h2>
      <ul>{{#PROBLEM}}<li><a href="#{{FIELD}}">{{TEXT}}</a></li>{{/PROBLEM}}</ul>
    </div>
{{/ERRORS}}    <form class="checkout" action="/checkout" method="post" data-checkout novalidate>
      <input type="hidden" name="token" value="{{TOKEN}}">
      <input type="hidden" name="key" value="{{KEY}}">
      <button type="submit" class="unseen" name="action" value="order" tabindex="-1" aria-hidden="true">Place order</button>
      <div class="checkout-form">

        <fieldset class="group">
          <legend>Contact</legend>
          <div class="fields">
          <div class="field wide">
            <label for="email">Email</label>
            <input type="email" id="email" name="email" value="{{EMAIL}}" autocomplete="email" maxlength="254" inputmode="email" required{{#EMAIL_ERROR}} aria-invalid="true" aria-describedby="email-error"{{/EMAIL_ERROR}}>
            {{#EMAIL_ERROR}}<p class="field-error" id="email-error">{{TEXT}}</p>{{/EMAIL_ERROR}}
          </div>
          <div class="field wide">
            <label for="phone">Phone <span class="optional">optional</span></label>
            <input type="tel" id="phone" name="phone" value="{{PHONE}}" autocomplete="tel" maxlength="32"{{#PHONE_ERROR}} aria-invalid="true" aria-describedby="phone-error"{{/PHONE_ERROR}}>
            {{#PHONE_ERROR}}<p class="field-error" id="phone-error">{{TEXT}}</p>{{/PHONE_ERROR}}
          </div>
          </div>
          <div class="boxes">
            <label class="tick"><input type="checkbox" id="newsletter" name="newsletter" value="1"{{#NEWSLETTER}} checked{{/NEWSLETTER}}> <span>Write to me by email about new books and offers. I can stop it at any time.</span></label>
            <label class="tick"><input type="checkbox" id="newsletter_sms" name="newsletter_sms" value="1" aria-describedby="newsletter_sms-note"{{#NEWSLETTER_SMS}} checked{{/NEWSLETTER_SMS}}> <span>Send me text messages as well.</span></label>
            <p class="box-note" id="newsletter_sms-note">By ticking this box you agree to receive marketing text messages from Pilcrow at the phone number above. Agreeing is no condition of any purchase. Message and data rates may apply; how often we write varies. Reply STOP to end them, HELP for help.</p>
          </div>
        </fieldset>

        <fieldset class="group">
          <legend>Delivery address</legend>
          <div class="fields">
          <div class="field">
            <label for="first_name">First name</label>
            <input type="text" id="first_name" name="first_name" value="{{FIRST_NAME}}" autocomplete="shipping given-name" maxlength="60" required{{#FIRST_NAME_ERROR}} aria-invalid="true" aria-describedby="first_name-error"{{/FIRST_NAME_ERROR}}>
            {{#FIRST_NAME_ERROR}}<p class="field-error" id="first_name-error">{{TEXT}}</p>{{/FIRST_NAME_ERROR}}
          </div>
          <div class="field">
            <label for="last_name">Last name</label>
            <input type="text" id="last_name" name="last_name" value="{{LAST_NAME}}" autocomplete="shipping family-name" maxlength="60" required{{#LAST_NAME_ERROR}} aria-invalid="true" aria-describedby="last_name-error"{{/LAST_NAME_ERROR}}>
            {{#LAST_NAME_ERROR}}<p class="field-error" id="last_name-error">{{TEXT}}</p>{{/LAST_NAME_ERROR}}
          </div>
          <div class="field wide">
            <label for="address1">Street and number</label>
            <input type="text" id="address1" name="address1" value="{{ADDRESS1}}" autocomplete="shipping address-line1" maxlength="120" required{{#ADDRESS1_ERROR}} aria-invalid="true" aria-describedby="address1-error"{{/ADDRESS1_ERROR}}>
            {{#ADDRESS1_ERROR}}<p class="field-error" id="address1-error">{{TEXT}}</p>{{/ADDRESS1_ERROR}}
          </div>
          <div class="field wide">
            <label for="address2">Flat, floor, care of <span class="optional">optional</span></label>
            <input type="text" id="address2" name="address2" value="{{ADDRESS2}}" autocomplete="shipping address-line2" maxlength="120"{{#ADDRESS2_ERROR}} aria-invalid="true" aria-describedby="address2-error"{{/ADDRESS2_ERROR}}>
            {{#ADDRESS2_ERROR}}<p class="field-error" id="address2-error">{{TEXT}}</p>{{/ADDRESS2_ERROR}}
          </div>
          <div class="field">
            <label for="city">Town or city</label>
            <input type="text" id="city" name="city" value="{{CITY}}" autocomplete="shipping address-level2" maxlength="80" required{{#CITY_ERROR}} aria-invalid="true" aria-describedby="city-error"{{/CITY_ERROR}}>
            {{#CITY_ERROR}}<p class="field-error" id="city-error">{{TEXT}}</p>{{/CITY_ERROR}}
          </div>
          <div class="field">
            <label for="region">State or region <span class="optional">optional</span></label>
            <input type="text" id="region" name="region" value="{{REGION}}" autocomplete="shipping address-level1" maxlength="80"{{#REGION_ERROR}} aria-invalid="true" aria-describedby="region-error"{{/REGION_ERROR}}>
            {{#REGION_ERROR}}<p class="field-error" id="region-error">{{TEXT}}</p>{{/REGION_ERROR}}
          </div>
          <div class="field">
            <label for="zip">Postcode</label>
            <input type="text" id="zip" name="zip" value="{{ZIP}}" autocomplete="shipping postal-code" maxlength="20" required{{#ZIP_ERROR}} aria-invalid="true" aria-describedby="zip-error"{{/ZIP_ERROR}}>
            {{#ZIP_ERROR}}<p class="field-error" id="zip-error">{{TEXT}}</p>{{/ZIP_ERROR}}
          </div>
          <div class="field">
            <label for="country">Country</label>
            <select id="country" name="country" autocomplete="shipping country" required{{#COUNTRY_ERROR}} aria-invalid="true" aria-describedby="country-error"{{/COUNTRY_ERROR}}>
{{#COUNTRY_OPTION}}              <option value="{{CODE}}"{{#SELECTED}} selected{{/SELECTED}}>{{NAME}}</option>
{{/COUNTRY_OPTION}}            </select>
            {{#COUNTRY_ERROR}}<p class="field-error" id="country-error">{{TEXT}}</p>{{/COUNTRY_ERROR}}
          </div>
          </div>
        </fieldset>

        <fieldset class="group">
          <legend>Billing address</legend>
          <label class="tick"><input type="checkbox" id="billing_same" name="billing_same" value="1"{{#BILLING_SAME}} checked{{/BILLING_SAME}}> <span>Same as the delivery address</span></label>
          <div class="fields" data-billing>
          <div class="field">
            <label for="billing_first_name">First name</label>
            <input type="text" id="billing_first_name" name="billing_first_name" value="{{BILLING_FIRST_NAME}}" autocomplete="billing given-name" maxlength="60"{{#BILLING_FIRST_NAME_ERROR}} aria-invalid="true" aria-describedby="billing_first_name-error"{{/BILLING_FIRST_NAME_ERROR}}>
            {{#BILLING_FIRST_NAME_ERROR}}<p class="field-error" id="billing_first_name-error">{{TEXT}}</p>{{/BILLING_FIRST_NAME_ERROR}}
          </div>
          <div class="field">
            <label for="billing_last_name">Last name</label>
            <input type="text" id="billing_last_name" name="billing_last_name" value="{{BILLING_LAST_NAME}}" autocomplete="billing family-name" maxlength="60"{{#BILLING_LAST_NAME_ERROR}} aria-invalid="true" aria-describedby="billing_last_name-error"{{/BILLING_LAST_NAME_ERROR}}>
            {{#BILLING_LAST_NAME_ERROR}}<p class="field-error" id="billing_last_name-error">{{TEXT}}</p>{{/BILLING_LAST_NAME_ERROR}}
          </div>
          <div class="field wide">
            <label for="billing_address1">Street and number</label>
            <input type="text" id="billing_address1" name="billing_address1" value="{{BILLING_ADDRESS1}}" autocomplete="billing address-line1" maxlength="120"{{#BILLING_ADDRESS1_ERROR}} aria-invalid="true" aria-describedby="billing_address1-error"{{/BILLING_ADDRESS1_ERROR}}>
            {{#BILLING_ADDRESS1_ERROR}}<p class="field-error" id="billing_address1-error">{{TEXT}}</p>{{/BILLING_ADDRESS1_ERROR}}
          </div>
          <div class="field wide">
            <label for="billing_address2">Flat, floor, care of <span class="optional">optional</span></label>
            <input type="text" id="billing_address2" name="billing_address2" value="{{BILLING_ADDRESS2}}" autocomplete="billing address-line2" maxlength="120"{{#BILLING_ADDRESS2_ERROR}} aria-invalid="true" aria-describedby="billing_address2-error"{{/BILLING_ADDRESS2_ERROR}}>
            {{#BILLING_ADDRESS2_ERROR}}<p class="field-error" id="billing_address2-error">{{TEXT}}</p>{{/BILLING_ADDRESS2_ERROR}}
          </div>
          <div class="field">
            <label for="billing_city">Town or city</label>
            <input type="text" id="billing_city" name="billing_city" value="{{BILLING_CITY}}" autocomplete="billing address-level2" maxlength="80"{{#BILLING_CITY_ERROR}} aria-invalid="true" aria-describedby="billing_city-error"{{/BILLING_CITY_ERROR}}>
            {{#BILLING_CITY_ERROR}}<p class="field-error" id="billing_city-error">{{TEXT}}</p>{{/BILLING_CITY_ERROR}}
          </div>
          <div class="field">
            <label for="billing_region">State or region <span class="optional">optional</span></label>
            <input type="text" id="billing_region" name="billing_region" value="{{BILLING_REGION}}" autocomplete="billing address-level1" maxlength="80"{{#BILLING_REGION_ERROR}} aria-invalid="true" aria-describedby="billing_region-error"{{/BILLING_REGION_ERROR}}>
            {{#BILLING_REGION_ERROR}}<p class="field-error" id="billing_region-error">{{TEXT}}</p>{{/BILLING_REGION_ERROR}}
          </div>
          <div class="field">
            <label for="billing_zip">Postcode</label>
            <input type="text" id="billing_zip" name="billing_zip" value="{{BILLING_ZIP}}" autocomplete="billing postal-code" maxlength="20"{{#BILLING_ZIP_ERROR}} aria-invalid="true" aria-describedby="billing_zip-error"{{/BILLING_ZIP_ERROR}}>
            {{#BILLING_ZIP_ERROR}}<p class="field-error" id="billing_zip-error">{{TEXT}}</p>{{/BILLING_ZIP_ERROR}}
          </div>
          <div class="field">
            <label for="billing_country">Country</label>
            <select id="billing_country" name="billing_country" autocomplete="billing country"{{#BILLING_COUNTRY_ERROR}} aria-invalid="true" aria-describedby="billing_country-error"{{/BILLING_COUNTRY_ERROR}}>
{{#BILLING_COUNTRY_OPTION}}              <option value="{{CODE}}"{{#SELECTED}} selected{{/SELECTED}}>{{NAME}}</option>
{{/BILLING_COUNTRY_OPTION}}            </select>
            {{#BILLING_COUNTRY_ERROR}}<p class="field-error" id="billing_country-error">{{TEXT}}</p>{{/BILLING_COUNTRY_ERROR}}
          </div>
          </div>
        </fieldset>

        <fieldset class="group" id="shipping"{{#SHIPPING_ERROR}} aria-describedby="shipping-error"{{/SHIPPING_ERROR}}>
          <legend>Delivery</legend>
          <div class="options">
{{#METHOD}}            <label class="option"><input type="radio" name="shipping" value="{{CODE}}"{{#CHECKED}} checked{{/CHECKED}} required> <span class="option-words"><span class="option-name">{{NAME}}</span> <span class="option-note">{{WHEN}}</span></span> <span class="option-price">{{PRICE}}</span></label>
{{/METHOD}}          </div>
          {{#SHIPPING_ERROR}}<p class="field-error" id="shipping-error">{{TEXT}}</p>{{/SHIPPING_ERROR}}
        </fieldset>

        <fieldset class="group" id="payment"{{#PAYMENT_ERROR}} aria-describedby="payment-error"{{/PAYMENT_ERROR}}>
          <legend>Payment</legend>
          <p class="group-note">This is a demonstration: no card is asked for and nothing is charged. Choose how the pretended payment ends.</p>
          <div class="options">
            <label class="option"><input type="radio" name="payment" value="approve"{{#PAY_APPROVE}} checked{{/PAY_APPROVE}} required> <span class="option-words"><span class="option-name">Pretend that the payment is approved</span> <span class="option-note">the order is placed</span></span></label>
            <label class="option"><input type="radio" name="payment" value="decline"{{#PAY_DECLINE}} checked{{/PAY_DECLINE}} required> <span class="option-words"><span class="option-name">Pretend that the payment is declined</span> <span class="option-note">the order is not placed</span></span></label>
          </div>
          {{#PAYMENT_ERROR}}<p class="field-error" id="payment-error">{{TEXT}}</p>{{/PAYMENT_ERROR}}
        </fieldset>
      </div>

      <section class="summary" aria-labelledby="summary">
        <h2 id="summary">Your order</h2>
        <ul class="summary-lines" role="list">
{{#LINE}}          <li>
            <span class="pic">{{#PICTURE}}<img src="{{IMAGE}}" alt="" width="80" height="100" decoding="async">{{/PICTURE}}<span class="pic-none" aria-hidden="true"></span></span>
            <span class="summary-words"><span class="summary-title">{{TITLE}}</span>{{#VARIANT}} <span class="summary-variant">{{TEXT}}</span>{{/VARIANT}} <span class="summary-quantity"><span class="unseen">Quantity </span><span aria-hidden="true">× </span>{{QUANTITY}}</span></span>
            <span class="summary-price">{{ROW_TOTAL}}</span>
          </li>
{{/LINE}}        </ul>
        <div class="discount">
          <div class="field">
            <label for="discount">Discount code</label>
            <div class="discount-row">
              <input type="text" id="discount" name="discount" value="{{DISCOUNT}}" maxlength="40" autocomplete="off" autocapitalize="characters" spellcheck="false"{{#DISCOUNT_ERROR}} aria-invalid="true" aria-describedby="discount-error"{{/DISCOUNT_ERROR}}>
              <button type="submit" class="plain" name="action" value="apply">Apply</button>
            </div>
            {{#DISCOUNT_ERROR}}<p class="field-error" id="discount-error">{{TEXT}}</p>{{/DISCOUNT_ERROR}}
          </div>
        </div>
        <dl class="sums">
          <div><dt>Subtotal</dt><dd>{{SUBTOTAL}}</dd></div>
{{#DISCOUNT_ON}}          <div class="sums-discount"><dt>Discount <span class="code">{{CODE}}</span></dt><dd>−{{AMOUNT}}</dd></div>
{{/DISCOUNT_ON}}          <div><dt>Delivery</dt><dd>{{SHIPPING_TOTAL}}</dd></div>
          <div class="sums-total"><dt>Total</dt><dd>{{TOTAL}}</dd></div>
        </dl>
        <button type="submit" class="button button-wide" name="action" value="order" data-order>Place order</button>
        <p class="summary-note"><a href="/cart">Change the cart</a></p>
      </section>
    </form>
