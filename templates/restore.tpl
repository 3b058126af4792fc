{{%AUTOESCAPE context="HTML"}}{{!
restore.tpl - a link from an e-mail brings a cart back; asks first.

TOKEN     text     of this session
RESTORE   text     the signed token of the link
SEEN      text     which carts are shown: what the answer is about
CHANGED   section  once, with TEXT, if one of them was another before
LINE      section  for each line of the cart in the link: TITLE, VARIANT
                   (section, once, with TEXT), QUANTITY, ROW_TOTAL, PICTURE
                   (section: IMAGE)
SUBTOTAL  text     of that cart, formatted
OWN       section  once, if the visitor has a cart already: COUNT (text:
                   number of articles in it), ONE or MANY (sections)
ALONE     section  shown if not

The form posts how=merge or how=replace.
}}    <h1 class="page-title">Pick up where you left off?</h1>
{{#CHANGED}}    <p class="notice" role="status">{{TEXT}}</p>
{{/CHANGED}}    <form class="restore" action="/cart/restore" method="post">
      <input type="hidden" name="token" value="{{TOKEN}}">
      <input type="hidden" name="restore" value="{{RESTORE}}">
      <input type="hidden" name="seen" value="{{SEEN}}">
      <section class="summary" aria-labelledby="kept">
        <h2 id="kept">The cart we kept for you</h2>
        <ul class="summary-lines" role="list">
{{#LINE}}          <li>
            <span class="pic">{{#PICTURE}}<img src="{{IMAGE}}" alt="" width="80" height="100" decoding="async">{{/PICTURE}}<span class="pic-none" aria-hidden="true"></span></span>
            <span class="summary-words"><span class="summary-title">{{TITLE}}</span>{{#VARIANT}} <span class="summary-variant">{{TEXT}}</span>{{/VARIANT}} <span class="summary-quantity"><span class="unseen">Quantity </span><span aria-hidden="true">× </span>{{QUANTITY}}</span></span>
            <span class="summary-price">{{ROW_TOTAL}}</span>
          </li>
{{/LINE}}        </ul>
        <dl class="sums"><div class="sums-total"><dt>Subtotal</dt><dd>{{SUBTOTAL}}</dd></div></dl>
      </section>
{{#OWN}}      <p class="notice">There {{#ONE}}is one article{{/ONE}}{{#MANY}}are {{COUNT}} articles{{/MANY}} in your present cart. Would you like both together, or the kept cart instead of it?</p>
      <p class="restore-buttons">
        <button type="submit" class="button" name="how" value="merge">Put both together</button>
        <button type="submit" class="button plain" name="how" value="replace">Take the kept cart instead</button>
        <a class="restore-no" href="/cart">No, keep what I have</a>
      </p>
{{/OWN}}{{#ALONE}}      <p class="restore-buttons">
        <button type="submit" class="button" name="how" value="replace">Yes, bring it back</button>
        <a class="restore-no" href="/">No, thank you</a>
      </p>
{{/ALONE}}    </form>
