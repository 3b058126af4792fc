{{%AUTOESCAPE context="HTML"}}{{!
restore.tpl - a link from an e-mail brings a cart back; asks first.

TOKEN     text     of this session
RESTORE   text     the signed token of the link
LINE      section  for each line of the cart in the link: TITLE, VARIANT
                   (section, once, with TEXT), QUANTITY, ROW_TOTAL, PICTURE
                   (section: IMAGE)
SUBTOTAL  text     of that cart, formatted
REPLACES  section  once, if the visitor has a cart already: COUNT (text:
                   number of articles that would be put away)
}}    <h1 class="page-title">Pick up where you left off?</h1>
    <form class="restore" action="/cart/restore" method="post">
      <input type="hidden" name="token" value="{{TOKEN}}">
      <input type="hidden" name="restore" value="{{RESTORE}}">
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
{{#REPLACES}}      <p class="notice">Your present cart ({{COUNT}} in it) would be replaced.</p>
{{/REPLACES}}      <p class="restore-buttons">
        <button type="submit" class="button">Yes, bring it back</button>
        <a class="button plain" href="/cart">No, keep what I have</a>
      </p>
    </form>
