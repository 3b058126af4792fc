{{%AUTOESCAPE context="HTML"}}{{!
product.tpl - one product. The same for every visitor. It opens on one of its
variants, the current one: the first that can be bought, else the first.

TITLE       text     of the product
VENDOR      text     may be ""
TRAIL       section  once, if there is a category: NAME, URL of the first
CATEGORY    section  for each category: NAME, URL (its collection)
PICTURE     section  for each picture, the main one first: IMAGE (address),
                     ALT (text)
PRICE       text     of the current variant, formatted
COMPARE_AT  section  once, with TEXT: its former price, formatted
STOCK_TEXT  text     of the current variant, such as "In stock", "Only 2
                     left", "Sold out", "Sent within two weeks"
BUYABLE     section  shown when the current variant can be bought
GONE        section  shown when it cannot
SKU         section  once, if it has one: TEXT
ERROR       section  once, with TEXT: why the last attempt to add was refused
SINGLE      section  once, if there is one variant only: ID
CHOICE      section  once, if there are several: OPTIONS (text: names of the
                     options, such as "Binding" or "Size and colour"); in it
VARIANT     section  for each of them:
            ID          text     what the field variant holds
            NAME        text     such as "Hardback" or "A5 / Moss"
            PRICE       text     formatted
            WAS         text     former price, formatted; "" if none
            STOCK_TEXT  text
            SKU_TEXT    text     "" if none
            CHECKED     section  shown for the current one
            SOLD_OUT    section  shown when it cannot be bought
MAX         text     largest quantity that may be asked for, such as "20"
NOTIFY      section  once, if a variant is sold out, or was asked for; in it one
                     of
            DONE    section  it was asked to be told: so we will
            THERE   section  it was asked to be told, and is there already
            FRESH   section  shown unless it is the answer to a form: a script
                             may hide it while another variant is chosen
            FORM    section  to ask to be told when it is back:
                    HEADING text
                    ONLY    section  of the only variant: ID
                    WHICH   section  of several, in it
                    WAITS   section  for each that is sold out: ID, NAME, CHOSEN
                            (section: the one that was asked for)
                    EMAIL   text     "" if not known
                    FIELD_ERROR  section  once, with TEXT: what is wrong with it
                    ERROR   section  once, with TEXT: why it was not taken
PARAGRAPH   section  for each paragraph of the description: TEXT
RELATED     section  shown when there are related products
CARD        include  card.tpl, for each of these (4 fill the row)

The form posts variant and quantity to /cart/add, without a token; the other one
variant and email to /back-in-stock, without one too.
}}    <nav class="crumbs" aria-label="You are here">
      <ol role="list"><li><a href="/">Home</a></li>{{#TRAIL}}<li><a href="{{URL}}">{{NAME}}</a></li>{{/TRAIL}}<li aria-current="page">{{TITLE}}</li></ol>
    </nav>
    <article class="product">
      <div class="product-pics">
{{#PICTURE}}        <div class="pic"><img src="{{IMAGE}}" alt="{{ALT}}" width="800" height="1000" decoding="async"><span class="pic-none" aria-hidden="true">{{TITLE}}</span></div>
{{/PICTURE}}        <div class="pic pic-only"><span class="pic-none" aria-hidden="true">{{TITLE}}</span></div>
      </div>

      <div class="product-words">
        <p class="product-vendor">{{VENDOR}}</p>
        <h1>{{TITLE}}</h1>
        <p class="product-price" data-shown aria-live="polite"><span data-shown-price>{{PRICE}}</span> <s data-shown-was>{{#COMPARE_AT}}{{TEXT}}{{/COMPARE_AT}}</s></p>

        <form class="buy" action="/cart/add" method="post" data-add-to-cart>
{{#SINGLE}}          <input type="hidden" name="variant" value="{{ID}}">
{{/SINGLE}}{{#CHOICE}}          <fieldset class="choice">
            <legend>{{OPTIONS}}</legend>
            <div class="pills">
{{#VARIANT}}              <label class="pill"><input type="radio" name="variant" value="{{ID}}" data-price="{{PRICE}}" data-was="{{WAS}}" data-stock="{{STOCK_TEXT}}" data-sku="{{SKU_TEXT}}"{{#SOLD_OUT}} data-sold-out="1"{{/SOLD_OUT}}{{#CHECKED}} checked{{/CHECKED}} required><span class="pill-face">{{NAME}}<span class="pill-price"> {{PRICE}}</span>{{#SOLD_OUT}}<span class="unseen">, sold out</span>{{/SOLD_OUT}}</span></label>
{{/VARIANT}}            </div>
          </fieldset>
{{/CHOICE}}          <div class="buy-row">
            <div class="stepper" data-stepper>
              <label class="unseen" for="quantity">Quantity</label>
              <input type="number" id="quantity" name="quantity" value="1" min="1" max="{{MAX}}" step="1" inputmode="numeric" required>
            </div>
            <button type="submit" class="button" data-buy data-word="Add to cart" data-word-gone="Sold out"{{#GONE}} disabled{{/GONE}}>{{#BUYABLE}}Add to cart{{/BUYABLE}}{{#GONE}}Sold out{{/GONE}}</button>
          </div>
          <p class="stock" data-shown-stock>{{STOCK_TEXT}}</p>
          <p class="form-error" role="alert" data-form-error>{{#ERROR}}{{TEXT}}{{/ERROR}}</p>
        </form>

{{#NOTIFY}}        <section class="notify" id="notify" aria-labelledby="notify-title"{{#FRESH}} data-notify{{/FRESH}}>
{{#DONE}}          <h2 id="notify-title">We will write to you</h2>
          <p role="status">As soon as it is back on the shelf, you get one message. Nothing else is sent to you for it.</p>
{{/DONE}}{{#THERE}}          <h2 id="notify-title">It is here again</h2>
          <p role="status">No need to wait: it came back in the meantime, and you can put it into your cart.</p>
{{/THERE}}{{#FORM}}          <h2 id="notify-title">{{HEADING}}</h2>
          <p>Leave your address, and we tell you when it is back. One message, nothing else.</p>
{{#ERROR}}          <p class="form-error" role="alert">{{TEXT}}</p>
{{/ERROR}}          <form class="notify-form" action="/back-in-stock#notify" method="post">
{{#ONLY}}            <input type="hidden" name="variant" value="{{ID}}">
{{/ONLY}}{{#WHICH}}            <div class="field">
              <label for="notify-variant">Which one</label>
              <select id="notify-variant" name="variant">
{{#WAITS}}                <option value="{{ID}}"{{#CHOSEN}} selected{{/CHOSEN}}>{{NAME}}</option>
{{/WAITS}}              </select>
            </div>
{{/WHICH}}            <div class="field">
              <label for="notify-email">Your e-mail address</label>
              <input type="email" id="notify-email" name="email" value="{{EMAIL}}" maxlength="100" autocomplete="email" required{{#FIELD_ERROR}} autofocus aria-invalid="true" aria-describedby="notify-error"{{/FIELD_ERROR}}>
{{#FIELD_ERROR}}              <p class="field-error" id="notify-error">{{TEXT}}</p>
{{/FIELD_ERROR}}            </div>
            <button type="submit" class="button notify-button">Tell me when it is back</button>
          </form>
{{/FORM}}        </section>
{{/NOTIFY}}        <div class="prose">
{{#PARAGRAPH}}          <p>{{TEXT}}</p>
{{/PARAGRAPH}}        </div>

        <dl class="facts">
{{#SKU}}          <div><dt>SKU</dt><dd data-shown-sku>{{TEXT}}</dd></div>
{{/SKU}}          <div><dt>On the shelves</dt><dd>{{#CATEGORY}}<a href="{{URL}}">{{NAME}}</a> {{/CATEGORY}}</dd></div>
        </dl>
      </div>
    </article>

{{#RELATED}}    <section class="block" aria-labelledby="related">
      <h2 id="related" class="rubric">Next to it on the shelf</h2>
      <ul class="cards" role="list">
{{>CARD}}
      </ul>
    </section>
{{/RELATED}}
