{{%AUTOESCAPE context="HTML"}}{{!
collection.tpl - the products of one collection, a page at a time.

HEADING     text     name of the collection
COUNT       text     number of products in the whole collection
ONE         section  shown when that number is 1 (for the plural)
MANY        section  shown when it is not 1
SORT        section  once, if there is a choice: ACTION (path the form goes
                     to); inside OPTION sections: VALUE, NAME, SELECTED
                     (section). The form is a GET with sort=VALUE.
CARD        include  card.tpl, for each product of this page
EMPTY       section  shown when there are none
PAGES       section  once, if there is more than one page: PAGE, PAGE_COUNT
                     (text); inside PREV (section: URL), NEXT (section: URL)
}}    <nav class="crumbs" aria-label="You are here">
      <ol role="list"><li><a href="/">Home</a></li><li aria-current="page">{{HEADING}}</li></ol>
    </nav>
    <div class="page-head">
      <h1>{{HEADING}}</h1>
      <p class="count">{{COUNT}} {{#ONE}}product{{/ONE}}{{#MANY}}products{{/MANY}}</p>
{{#SORT}}      <form class="sort" action="{{ACTION}}" method="get" data-auto-submit>
        <label for="sort">Sort by</label>
        <select id="sort" name="sort">
{{#OPTION}}          <option value="{{VALUE}}"{{#SELECTED}} selected{{/SELECTED}}>{{NAME}}</option>
{{/OPTION}}        </select>
        <button type="submit" class="plain" data-js-hide>Sort</button>
      </form>
{{/SORT}}    </div>
    <ul class="cards" role="list">
{{>CARD}}
    </ul>
{{#EMPTY}}    <div class="empty">
      <p class="empty-text">This shelf is bare for the moment.</p>
      <p><a class="button" href="/">Back to the front table</a></p>
    </div>
{{/EMPTY}}{{#PAGES}}    <nav class="pages" aria-label="Pages">
      {{#PREV}}<a rel="prev" href="{{URL}}">Previous page</a>{{/PREV}}
      <span>Page {{PAGE}} of {{PAGE_COUNT}}</span>
      {{#NEXT}}<a rel="next" href="{{URL}}">Next page</a>{{/NEXT}}
    </nav>
{{/PAGES}}
