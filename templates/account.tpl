{{%AUTOESCAPE context="HTML"}}{{!
account.tpl - a customer's account: orders, and what is known of them.

NAME       text     first and last name
EMAIL      text
DONE       section  once, if something was just done: TEXT
PHONE      section  once, if known: TEXT
ADDRESS    section  for each line of the address: TEXT
NO_ADDRESS section  shown instead if there is none
ORDER      section  for each, newest first: ID, URL, DATE, STATUS, TOTAL
NO_ORDERS  section  shown instead if there are none
TOKEN      text     of this session, for the way out
}}    <div class="account">
      <div class="page-head">
        <h1>Your account</h1>
        <form action="/account/logout" method="post" class="account-out">
          <input type="hidden" name="token" value="{{TOKEN}}">
          <button type="submit" class="button plain">Log out</button>
        </form>
      </div>
{{#DONE}}      <p class="notice" role="status">{{TEXT}}</p>
{{/DONE}}      <div class="thanks-cols">
        <section aria-labelledby="orders">
          <h2 id="orders">Orders</h2>
{{#NO_ORDERS}}          <p class="group-note">Nothing ordered yet. What you order while you are logged in is listed here.</p>
          <p><a class="button" href="/">To the shop</a></p>
{{/NO_ORDERS}}          <ul class="orders" role="list">
{{#ORDER}}            <li><a href="{{URL}}"><span class="orders-id">{{ID}}</span><span class="orders-date">{{DATE}}</span><span class="orders-status">{{STATUS}}</span><span class="orders-total">{{TOTAL}}</span></a></li>
{{/ORDER}}          </ul>
        </section>
        <div class="thanks-side">
          <section aria-labelledby="who">
            <h2 id="who">You</h2>
            <p class="wrap-any">{{NAME}}{{#PHONE}}<br>{{TEXT}}{{/PHONE}}</p>
          </section>
          <section aria-labelledby="where">
            <h2 id="where">Address</h2>
{{#NO_ADDRESS}}            <p class="group-note">None yet. With one, the checkout is filled in for you.</p>
{{/NO_ADDRESS}}            <address>{{#ADDRESS}}{{TEXT}}<br>{{/ADDRESS}}</address>
            <p><a href="/account/details">Change name, phone or address</a></p>
          </section>
          <section aria-labelledby="access">
            <h2 id="access">Email and password</h2>
            <p class="wrap-any">{{EMAIL}}</p>
            <p><a href="/account/email">Change the email address</a><br><a href="/account/password">Change the password</a></p>
          </section>
        </div>
      </div>
    </div>
