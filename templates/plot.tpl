{{%AUTOESCAPE context="HTML"}}{{!
plot.tpl - bars of the last hours, on the operator's page.

NAME    text     what is shown
PEAK    text     the highest bar's value, with its unit
LAST    text     the last bar's, which is not over yet
BEGIN   text     when the first bar begins, "08:05"
MIDDLE  text     and the middle one
END     text     and when the last one ends
BAR     section  for each bar: X, Y, H (of a field of 288 by 64), TITLE
}}    <figure>
      <figcaption><b>{{NAME}}</b> <span>now {{LAST}}, at most {{PEAK}}</span></figcaption>
      <svg viewBox="0 0 288 64" preserveAspectRatio="none" role="img" aria-label="{{NAME}}: now {{LAST}}, at most {{PEAK}}">
{{#BAR}}        <rect x="{{X}}" y="{{Y}}" width="3" height="{{H}}"><title>{{TITLE}}</title></rect>
{{/BAR}}      </svg>
      <p class="axis"><span>{{BEGIN}}</span><span>{{MIDDLE}}</span><span>{{END}}</span></p>
    </figure>
