{{%AUTOESCAPE context="HTML"}}{{!
consent.tpl - cookie settings: what is measured, what was said, and the choice.

One of these is shown:
TRACKED  section  visits are measured
REFUSED  section  they are not: the visitor has said no
ASKED    section  they are not: the visitor has not said yet
OFF      section  they are not: klaviyo.js was switched off in this browser

The form posts choice=yes or choice=no.
}}    <div class="page-head"><h1>Cookie settings</h1></div>
    <div class="settings">
      <section class="prose" aria-label="What we keep">
        <p>The shop itself needs one cookie, for your cart, and it keeps your answer here in another. Neither tells us who you are.</p>
        <p>If you allow it, we also measure your visit with Klaviyo, the service that sends our letters: which articles you looked at, put into the cart or took to the checkout. That lets us write to you about them, once we know your address. Klaviyo keeps a cookie of its own for it.</p>
        <p>What belongs to an order, such as its confirmation, is sent either way. You can change your mind here whenever you like.</p>
      </section>
      <form class="choose" action="/consent" method="post" aria-labelledby="consent-now">
        <input type="hidden" name="return" value="/consent">
        <h2 id="consent-now">May we measure your visit?</h2>
        <p role="status">{{#TRACKED}}At present we do.{{/TRACKED}}{{#REFUSED}}You said no, and we do not.{{/REFUSED}}{{#ASKED}}You have not answered yet, and we do not.{{/ASKED}}{{#OFF}}Klaviyo is switched off in this browser, and we do not.{{/OFF}}</p>
        <div class="consent-buttons">
          <button type="submit" name="choice" value="yes">Yes, you may</button>
          <button type="submit" name="choice" value="no">No, thank you</button>
        </div>
      </form>
    </div>
