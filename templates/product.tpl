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
PARAGRAPH   section  for each paragraph of the description: TEXT
RELATED     section  shown when there are related products
CARD        include  card.tpl, for each of these (4 fill the row)

The form posts variant and quantity to /cart/add, without a token.
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

        <div class="prose">
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
