{{%AUTOESCAPE context="HTML"}}{{!
cart.tpl - the cart.

NOTICE    section  once, with TEXT: what has just happened
ERROR     section  once, with TEXT: what went wrong
FILLED    section  once, if there is anything in the cart; in it
TOKEN     text     of this session; the form posts it to /cart/update
LINE      section  for each line:
          LINE      text     id of the line: the form posts quantity_LINE, a
                             number (0 removes), or remove=LINE
          URL       text     of the product page
          TITLE     text
          VARIANT   section  once, with TEXT, unless the product has only one
          PICTURE   section  once, if there is one: IMAGE, ALT
          PRICE     text     of one, formatted
          QUANTITY  text
          MAX       text     largest quantity that may be asked for
          ROW_TOTAL text     formatted
          WARNING   section  once, with TEXT, such as "Only 2 left"
SUBTOTAL  text     formatted
EMPTY     section  shown when there is nothing in the cart
}}    <h1 class="page-title">Your cart</h1>
{{#NOTICE}}    <p class="notice" role="status">{{TEXT}}</p>
{{/NOTICE}}{{#ERROR}}    <p class="notice notice-error" role="alert">{{TEXT}}</p>
{{/ERROR}}{{#FILLED}}    <form class="cart" action="/cart/update" method="post" data-cart>
      <input type="hidden" name="token" value="{{TOKEN}}">
      <button type="submit" class="unseen" tabindex="-1" aria-hidden="true">Update</button>
      <ul class="lines" role="list">
{{#LINE}}        <li class="line">
          <a class="line-pic" href="{{URL}}" tabindex="-1" aria-hidden="true"><span class="pic">{{#PICTURE}}<img src="{{IMAGE}}" alt="{{ALT}}" width="160" height="200" decoding="async">{{/PICTURE}}<span class="pic-none">{{TITLE}}</span></span></a>
          <div class="line-words">
            <p class="line-title"><a href="{{URL}}">{{TITLE}}</a></p>
{{#VARIANT}}            <p class="line-variant">{{TEXT}}</p>
{{/VARIANT}}            <p class="line-price"><span class="unseen">Price </span>{{PRICE}}</p>
{{#WARNING}}            <p class="line-warning">{{TEXT}}</p>
{{/WARNING}}          </div>
          <div class="line-amount">
            <div class="stepper" data-stepper>
              <label class="unseen" for="quantity_{{LINE}}">Quantity of {{TITLE}}</label>
              <input type="number" id="quantity_{{LINE}}" name="quantity_{{LINE}}" value="{{QUANTITY}}" min="0" max="{{MAX}}" step="1" inputmode="numeric" required>
            </div>
            <button type="submit" class="link" name="remove" value="{{LINE}}">Remove<span class="unseen"> {{TITLE}}</span></button>
          </div>
          <p class="line-total"><span class="unseen">Together </span>{{ROW_TOTAL}}</p>
        </li>
{{/LINE}}      </ul>
      <div class="cart-foot">
        <button type="submit" class="plain" data-js-hide>Update quantities</button>
        <p class="cart-sum"><span>Subtotal</span> <strong>{{SUBTOTAL}}</strong></p>
        <p class="cart-hint">Delivery and discounts come at the checkout.</p>
        <p class="cart-go"><a class="button" href="/checkout">Checkout</a></p>
        <p class="cart-on"><a href="/">Keep browsing</a></p>
      </div>
      <p class="unseen" role="status" data-cart-status></p>
    </form>
{{/FILLED}}{{#EMPTY}}    <div class="empty">
      <p class="empty-text">Nothing in it yet.</p>
      <p><a class="button" href="/">See the front table</a></p>
    </div>
{{/EMPTY}}
