{{%AUTOESCAPE context="HTML"}}{{!
search.tpl - what a search found.

Q           text     what was searched for
ASKED       section  shown when Q is not empty
FOUND       section  once, if something was found: COUNT (text), ONE, MANY
                     (sections, for the plural)
CARD        include  card.tpl, for each product of this page
NOT_ASKED   section  shown when there was no question
NOT_FOUND   section  shown when there was one and nothing was found
HINT        section  for each collection to suggest: NAME, URL (used by
                     NOT_ASKED and NOT_FOUND)
PAGES       section  as in collection.tpl
}}    <div class="page-head">
      <h1>{{#ASKED}}<span class="asked-word">Search:</span> “{{Q}}”{{/ASKED}}{{#NOT_ASKED}}Search{{/NOT_ASKED}}</h1>
{{#FOUND}}      <p class="count">{{COUNT}} {{#ONE}}product{{/ONE}}{{#MANY}}products{{/MANY}}</p>
{{/FOUND}}    </div>
    <ul class="cards" role="list">
{{>CARD}}
    </ul>
{{#NOT_FOUND}}    <div class="empty">
      <p class="empty-text">Nothing on our shelves answers to that.</p>
      <p>Try fewer or shorter words, an author’s surname, or one of these:</p>
      <ul class="hints" role="list">{{#HINT}}<li><a href="{{URL}}">{{NAME}}</a></li>{{/HINT}}</ul>
    </div>
{{/NOT_FOUND}}{{#NOT_ASKED}}    <div class="empty">
      <p class="empty-text">What are you looking for?</p>
      <p>Type a title, an author or a subject above, or walk along a shelf:</p>
      <ul class="hints" role="list">{{#HINT}}<li><a href="{{URL}}">{{NAME}}</a></li>{{/HINT}}</ul>
    </div>
{{/NOT_ASKED}}{{#PAGES}}    <nav class="pages" aria-label="Pages">
      {{#PREV}}<a rel="prev" href="{{URL}}">Previous page</a>{{/PREV}}
      <span>Page {{PAGE}} of {{PAGE_COUNT}}</span>
      {{#NEXT}}<a rel="next" href="{{URL}}">Next page</a>{{/NEXT}}
    </nav>
{{/PAGES}}
