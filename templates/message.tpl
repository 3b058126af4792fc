{{%AUTOESCAPE context="HTML"}}{{!
message.tpl - a page that says one thing: an error, or that something is done.

STATUS   section  once, with TEXT: the HTTP status, such as "404"; not shown
                  on a page that reports success
HEADING  text     such as "This page is not on our shelves"
TEXT     text     one or two sentences: what happened, what to do
ACTION   section  once, if there is somewhere to go: URL, NAME
}}    <div class="message">
      <img class="message-mark" src="/images/mark.svg" alt="" width="72" height="96">
{{#STATUS}}      <p class="eyebrow">{{TEXT}}</p>
{{/STATUS}}      <h1>{{HEADING}}</h1>
      <p class="lede">{{TEXT}}</p>
{{#ACTION}}      <p><a class="button" href="{{URL}}">{{NAME}}</a></p>
{{/ACTION}}    </div>
