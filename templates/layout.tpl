{{%AUTOESCAPE context="HTML"}}{{!
layout.tpl - the frame around every page.

TITLE         text     of the page, without the shop's name
DESCRIPTION   section  once, with TEXT: for search engines and link previews
CANONICAL     section  once, with URL: absolute address of this page
PREVIEW       section  once, with URL: absolute address of a picture
NOINDEX       section  shown on pages that no search engine should list
Q             text     what the search field holds; "" unless on /search
COLLECTION    section  for each collection of the menu: NAME, URL, and
                       CURRENT (section, shown for the one that is open)
CART_COUNT    text     number of articles in the cart, "0" if none
CART_EMPTY    section  shown when that number is 0
BODY          include  the page: home.tpl, product.tpl, cart.tpl ...
CONSENT       section  shown while the visitor has still to be asked whether
                       visits may be measured, with
                       RETURN  path of this page, to come back to
                       The form posts choice=yes or choice=no and return. It
                       comes first, to be reached first, and is shown last.
COOKIES       section  shown where there is something to choose
SCRIPTS       html     the script blocks, escaped by the library; the only
                       variable that is printed as it is
}}<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>{{TITLE}} · Pilcrow</title>
{{#DESCRIPTION}}  <meta name="description" content="{{TEXT}}">
  <meta property="og:description" content="{{TEXT}}">
{{/DESCRIPTION}}  <meta property="og:title" content="{{TITLE}}">
  <meta property="og:site_name" content="Pilcrow">
{{#PREVIEW}}  <meta property="og:image" content="{{URL}}">
{{/PREVIEW}}{{#CANONICAL}}  <link rel="canonical" href="{{URL}}">
{{/CANONICAL}}{{#NOINDEX}}  <meta name="robots" content="noindex">
{{/NOINDEX}}  <meta name="theme-color" content="#14293f">
  <link rel="icon" href="/favicon.svg" type="image/svg+xml">
  <link rel="stylesheet" href="/shop.css">
</head>
<body>
{{#CONSENT}}  <form class="consent" action="/consent" method="post" aria-labelledby="consent-title" data-consent>
    <input type="hidden" name="return" value="{{RETURN}}">
    <div class="consent-words">
      <h2 id="consent-title">May we measure your visit?</h2>
      <p>Then we can write to you about things you looked at. The shop works the same either way. <a href="/consent">What we keep</a></p>
    </div>
    <div class="consent-buttons">
      <button type="submit" name="choice" value="yes" class="plain">Yes, you may</button>
      <button type="submit" name="choice" value="no" class="plain">No, thank you</button>
    </div>
  </form>
{{/CONSENT}}  <a class="skip" href="#main">Skip to content</a>

  <header class="top">
    <div class="wrap top-row">
      <a class="brand" href="/" aria-label="Pilcrow, home">
        <picture>
          <source media="print" srcset="/images/logo.svg">
          <source media="(prefers-color-scheme: dark)" srcset="/images/logo-dark.svg">
          <img src="/images/logo.svg" alt="Pilcrow" width="168" height="44">
        </picture>
      </a>
      <form class="search" action="/search" method="get" role="search">
        <label class="unseen" for="q">Search the shop</label>
        <input type="search" id="q" name="q" value="{{Q}}" maxlength="100" placeholder="Title, author, subject" autocomplete="off">
        <button type="submit">Search</button>
      </form>
      <a class="account-link" href="/account">
        <svg viewBox="0 0 24 24" width="24" height="24" aria-hidden="true" focusable="false"><path d="M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20.5c.6-3.8 3.6-6 7.5-6s6.9 2.2 7.5 6z" fill="none" stroke="currentColor" stroke-width="1.7" stroke-linejoin="round" stroke-linecap="round"/></svg>
        <span class="account-word">Account</span>
      </a>
      <a class="cart-link" href="/cart">
        <svg viewBox="0 0 24 24" width="24" height="24" aria-hidden="true" focusable="false"><path d="M4 8h16l-1.4 12.5H5.4zM8.5 10.5V6.8a3.5 3.5 0 0 1 7 0v3.7" fill="none" stroke="currentColor" stroke-width="1.7" stroke-linejoin="round" stroke-linecap="round"/></svg>
        <span class="cart-word">Cart</span>
        <span class="cart-count" data-cart-count{{#CART_EMPTY}} hidden{{/CART_EMPTY}}><span data-cart-number>{{CART_COUNT}}</span><span class="unseen"> in the cart</span></span>
      </a>
    </div>
    <nav class="menu" aria-label="Collections">
      <ul class="wrap" role="list">
{{#COLLECTION}}        <li><a href="{{URL}}"{{#CURRENT}} aria-current="page"{{/CURRENT}}>{{NAME}}</a></li>
{{/COLLECTION}}      </ul>
    </nav>
  </header>

  <main id="main" class="wrap" tabindex="-1">
{{>BODY}}
  </main>

  <footer class="foot">
    <div class="wrap foot-row">
      <p class="foot-name"><img src="/images/mark.svg" alt="" width="36" height="48"> Pilcrow. Books, paper and reading goods.</p>
      <p class="foot-note">A demonstration shop: nothing is sold or charged.</p>
      <ul class="foot-links" role="list">
        <li><a href="/">Home</a></li>
        <li><a href="/search">Search</a></li>
        <li><a href="/cart">Cart</a></li>
        <li><a href="/account">Account</a></li>
        <li><a href="/contact">Contact</a></li>
{{#COOKIES}}        <li><a href="/consent">Cookie settings</a></li>
{{/COOKIES}}      </ul>
    </div>
  </footer>

{{SCRIPTS:none}}
</body>
</html>
