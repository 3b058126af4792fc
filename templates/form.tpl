{{%AUTOESCAPE context="HTML"}}{{!
form.tpl - a form of one column: account, password, contact.

HEADING  text     of the page
LEDE     section  once, if there is something to say first: TEXT
DONE     section  once, if something was just done: TEXT
ERRORS   section  once, if anything was refused: TEXT (a heading); in it, for
                  each, PROBLEM: FIELD (its name, which is its id), TEXT
ACTION   text     where the form is posted to
TOKEN    text     of this session
KEY      text     of this form: sent twice, it counts once
HIDDEN   section  for each further value that is sent along: NAME, VALUE
FIELD    section  for each field: NAME, WIDE (section: takes the whole row),
                  HINT (section, with TEXT), ERROR (section, with TEXT), TYPED
                  (section, once: NAME, LABEL, OPTIONAL (section)), and one of
  INPUT  section  TYPE, VALUE, AUTOCOMPLETE, MAX, REQUIRED (section)
  SELECT section  with OPTION for each: CODE, NAME, SELECTED (section)
  AREA   section  of several lines: VALUE, MAX
                  or, without TYPED and the others,
  TICK   section  a box: NAME, LABEL, CHECKED (section), DESCRIBED (section:
                  NAME), NOTE (section: NAME, TEXT)
SUBMIT   text     on the button
LINK     section  for each other way to go: WORDS (text before it), URL, NAME
}}    <div class="sheet">
      <h1 class="page-title">{{HEADING}}</h1>
{{#DONE}}      <p class="notice" role="status">{{TEXT}}</p>
{{/DONE}}{{#LEDE}}      <p class="lede">{{TEXT}}</p>
{{/LEDE}}{{#ERRORS}}      <div class="notice notice-error" role="alert" tabindex="-1" data-errors>
        <h2>{{TEXT}}</h2>
        <ul>{{#PROBLEM}}<li><a href="#{{FIELD}}">{{TEXT}}</a></li>{{/PROBLEM}}</ul>
      </div>
{{/ERRORS}}      <form action="{{ACTION}}" method="post" data-once novalidate>
        <input type="hidden" name="token" value="{{TOKEN}}">
        <input type="hidden" name="key" value="{{KEY}}">
{{#HIDDEN}}        <input type="hidden" name="{{NAME}}" value="{{VALUE}}">
{{/HIDDEN}}        <div class="fields">
{{#FIELD}}          <div class="field{{#WIDE}} wide{{/WIDE}}">
{{#TYPED}}            <label for="{{NAME}}">{{LABEL}}{{#OPTIONAL}} <span class="optional">optional</span>{{/OPTIONAL}}</label>
{{/TYPED}}{{#TICK}}            <label class="tick"><input type="checkbox" id="{{NAME}}" name="{{NAME}}" value="1"{{#DESCRIBED}} aria-describedby="{{NAME}}-note"{{/DESCRIBED}}{{#CHECKED}} checked{{/CHECKED}}> <span>{{LABEL}}</span></label>
{{#NOTE}}            <p class="box-note" id="{{NAME}}-note">{{TEXT}}</p>
{{/NOTE}}{{/TICK}}{{#INPUT}}            <input type="{{TYPE}}" id="{{NAME}}" name="{{NAME}}" value="{{VALUE}}" autocomplete="{{AUTOCOMPLETE}}" maxlength="{{MAX}}"{{#REQUIRED}} required{{/REQUIRED}}{{#WRONG}} aria-invalid="true"{{/WRONG}}{{#DESCRIBED}} aria-describedby="{{BY}}"{{/DESCRIBED}}>
{{/INPUT}}{{#SELECT}}            <select id="{{NAME}}" name="{{NAME}}" autocomplete="country"{{#WRONG}} aria-invalid="true"{{/WRONG}}>
{{#OPTION}}              <option value="{{CODE}}"{{#SELECTED}} selected{{/SELECTED}}>{{NAME}}</option>
{{/OPTION}}            </select>
{{/SELECT}}{{#AREA}}            <textarea id="{{NAME}}" name="{{NAME}}" rows="8" maxlength="{{MAX}}" required{{#WRONG}} aria-invalid="true"{{/WRONG}}>
{{VALUE}}</textarea>
{{/AREA}}{{#HINT}}            <p class="field-hint" id="{{NAME}}-hint">{{TEXT}}</p>
{{/HINT}}{{#ERROR}}            <p class="field-error" id="{{NAME}}-error">{{TEXT}}</p>
{{/ERROR}}          </div>
{{/FIELD}}        </div>
        <p class="sheet-go"><button type="submit" class="button">{{SUBMIT}}</button></p>
      </form>
{{#LINK}}      <p class="sheet-link">{{WORDS}} <a href="{{URL}}">{{NAME}}</a></p>
{{/LINK}}    </div>
