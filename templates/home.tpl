{{%AUTOESCAPE context="HTML"}}{{!
home.tpl - the front page.

CARD        include  card.tpl, for each featured product (8 fill the rows)
COLLECTION  section  for each collection: NAME, URL, COUNT (number of
                     products), PICTURE (section, once: IMAGE; a picture of
                     one of its products)
}}    <section class="hero">
      <div class="hero-words">
        <p class="eyebrow">An independent bookshop</p>
        <h1>Turn over a&nbsp;new&nbsp;leaf.</h1>
        <p class="lede">Old favourites in new bindings, paper worth writing on, and a few good things to read by.</p>
        <p class="hero-actions">
          <a class="button" href="/collections/fiction">Browse fiction</a>
          <a class="hero-second" href="/collections/stationery">or start with paper</a>
        </p>
      </div>
      <img class="hero-pic" src="/images/hero.svg" alt="A crow on a pile of books under a reading lamp, the moon in the window" width="760" height="600">
    </section>

    <section class="block" aria-labelledby="featured">
      <h2 id="featured" class="rubric">On the front table</h2>
      <ul class="cards" role="list">
{{>CARD}}
      </ul>
    </section>

    <section class="block" aria-labelledby="shelves">
      <h2 id="shelves" class="rubric">Along the shelves</h2>
      <ul class="shelves" role="list">
{{#COLLECTION}}        <li>
          <a class="shelf" href="{{URL}}">
            <span class="pic">{{#PICTURE}}<img src="{{IMAGE}}" alt="" width="400" height="500" loading="lazy" decoding="async">{{/PICTURE}}<span class="pic-none" aria-hidden="true">{{NAME}}</span></span>
            <span class="shelf-name">{{NAME}}</span>
            <span class="shelf-count">{{COUNT}} <span class="unseen">products</span></span>
          </a>
        </li>
{{/COLLECTION}}      </ul>
    </section>

    <section class="block promises" aria-labelledby="promises">
      <h2 id="promises" class="unseen">How we work</h2>
      <ul role="list">
        <li><h3>Chosen, not ranked</h3><p>Every title on our shelves has been read by one of us, most of them twice.</p></li>
        <li><h3>Wrapped in paper</h3><p>Kraft, string and a stamp of the crow. No bubble, no tape, nothing to throw away.</p></li>
        <li><h3>Posted by noon</h3><p>What is ordered in the morning leaves the same day, with a bookmark in it.</p></li>
      </ul>
    </section>
