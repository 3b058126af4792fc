{{%AUTOESCAPE context="HTML"}}{{!
status.tpl - the operator's page, a document of its own: `storefront status`.

NOW        text     when the figures were read, "14:05:09 UTC"
WELL       section  shown when nothing is to be done
ALARM      section  for each thing that an operator should look at: TEXT
DONE       section  once after a form: TEXT, what it did
FIGURE     section  for each number at the top: NAME, VALUE, NOTE, and MARK:
                    "bad" or "warn" where it needs a look, else ""
PLOT       include  plot.tpl, for each plot
FACT       section  for each line about the sender: NAME, VALUE
AGE        section  for each age: NAME, VALUE, and MARK: "some", or "" if it is 0
TROUBLES   section  once if there are errors, with
                    TROUBLE  section  for each: STATE, EVENTS, SINCE, TEXT
QUIET      section  shown when there are none
DEAD       section  once if there are dead letters, with COUNT, TOKEN, MORE
                    (section, with LISTED: not all are shown), and
                    LETTER  section  for each: ID, KIND, SINCE, ATTEMPTS,
                            ERROR, PROFILE, EVENT, TOKEN, and
                            REQUEST  section  of the shop's, if it came of one:
                                     NAME, as the logs have it
NODEAD     section  shown when there are none
ORDERS     section  once if orders have no event, with COUNT and
                    ORDER   section  for each: ID, TIME
}}<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Storefront status</title>
  <meta name="robots" content="noindex">
  <link rel="stylesheet" href="/status.css">
  <script src="/status.js" defer></script>
</head>
<body>
<header>
  <h1>Storefront status</h1>
  <p class="at">{{NOW}}</p>
</header>
<main id="all">
{{#DONE}}  <p class="done" role="status">{{TEXT}}</p>
{{/DONE}}{{#WELL}}  <p class="verdict well">All is well: what the shop confirms reaches Klaviyo.</p>
{{/WELL}}{{#ALARM}}  <p class="verdict alarm">{{TEXT}}</p>
{{/ALARM}}
  <dl class="figures">
{{#FIGURE}}    <div class="{{MARK}}">
      <dt>{{NAME}}</dt>
      <dd>{{VALUE}}</dd>
      <dd class="note">{{NOTE}}</dd>
    </div>
{{/FIGURE}}  </dl>

  <section class="plots" aria-label="The last hours">
{{>PLOT}}
  </section>

  <div class="pair">
    <section>
      <h2>Delivery</h2>
      <dl class="facts">
{{#FACT}}        <div><dt>{{NAME}}</dt><dd>{{VALUE}}</dd></div>
{{/FACT}}      </dl>
    </section>
    <section>
      <h2>How long unsent events have waited</h2>
      <dl class="facts">
{{#AGE}}        <div><dt>{{NAME}}</dt><dd class="{{MARK}}">{{VALUE}}</dd></div>
{{/AGE}}      </dl>
    </section>
  </div>

  <section>
    <h2>Errors</h2>
{{#QUIET}}    <p class="quiet">No unsent event has met an error.</p>
{{/QUIET}}{{#TROUBLES}}    <div class="scroll"><table>
      <thead><tr><th scope="col">Events</th><th scope="col">State</th><th scope="col">Oldest</th><th scope="col">What was said</th></tr></thead>
      <tbody>
{{#TROUBLE}}        <tr><td class="n">{{EVENTS}}</td><td>{{STATE}}</td><td>{{SINCE}} ago</td><td class="said">{{TEXT}}</td></tr>
{{/TROUBLE}}      </tbody>
    </table></div>
{{/TROUBLES}}  </section>

  <section>
    <h2>Dead letters</h2>
{{#NODEAD}}    <p class="quiet">Klaviyo has refused no event for good.</p>
{{/NODEAD}}{{#DEAD}}    <form class="all" method="post" action="/retry">
      <input type="hidden" name="token" value="{{TOKEN}}">
      <input type="hidden" name="all" value="1">
      <p>{{COUNT}} refused for good.{{#MORE}} The oldest {{LISTED}} are shown.{{/MORE}} Each is kept until it is tried again, or dropped with storefront outbox drop.</p>
      <button type="submit">Try all again</button>
    </form>
    <ul class="letters">
{{#LETTER}}      <li><details>
        <summary>
          <span class="id">{{ID}}</span>
          <span class="when">{{SINCE}} ago, {{ATTEMPTS}}</span>
          <span class="why">{{ERROR}}</span>
        </summary>
        <form method="post" action="/retry">
          <input type="hidden" name="token" value="{{TOKEN}}">
          <input type="hidden" name="id" value="{{ID}}">
          <button type="submit">Try again</button>
        </form>
{{#REQUEST}}        <p class="quiet">Of the request <span class="id">{{NAME}}</span>, as the logs of shop and web server call it.</p>
{{/REQUEST}}        <h3>Profile</h3>
        <pre tabindex="0">{{PROFILE:pre_escape}}</pre>
        <h3>{{KIND}}</h3>
        <pre tabindex="0">{{EVENT:pre_escape}}</pre>
      </details></li>
{{/LETTER}}    </ul>
{{/DEAD}}  </section>
{{#ORDERS}}
  <section>
    <h2>Orders without events</h2>
    <p class="quiet">{{COUNT}} of the last 30 days. Their text is one that Klaviyo would refuse (the log of storefront serve says which), or they were imported: storefront history sync queues those.</p>
    <ul class="orders">
{{#ORDER}}      <li><span class="id">{{ID}}</span> <span class="when">{{TIME}}</span></li>
{{/ORDER}}    </ul>
  </section>
{{/ORDERS}}</main>
<footer>
  <p>The same for Prometheus: <a href="/metrics">/metrics</a>. In a terminal: storefront outbox status.</p>
</footer>
</body>
</html>
