/*
 * page.js - the product page as template literals: the storefront's, byte for
 * byte.  What is the visitor's (the number in the cart) lies between the parts.
 */
"use strict";

const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;",
	"'": "&#39;" };
/* Most texts have nothing to escape. */
const h = text => /[&<>"']/.test(text)
	? text.replace(/[&<>"']/g, c => ESCAPES[c]) : text;
const uri = encodeURIComponent;
/* Of US dollars, which the bench's shop sells in. */
const money = cents => "$" + String(Math.floor(cents / 100))
	.replace(/\B(?=(\d{3})+$)/g, ",") + "." +
	String(cents % 100).padStart(2, "0");
const buyable = v => v.oversell || v.stock > 0;
const stockText = v => v.stock > 5 ? "In stock"
	: v.stock > 0 ? v.oversell ? "In stock" : `Only ${v.stock} left`
		: v.oversell ? "Sent within two weeks" : "Sold out";
const was = v => v.compare_at > v.price ? money(v.compare_at) : "";

const menuOf = menu => menu.map(m => `        <li><a href="/collections/${uri(m.slug)}">${h(m.name)}</a></li>
`).join("");

const cardsOf = related => related.map(c => `<li class="card">
  <a class="card-link" href="/products/${uri(c.handle)}">
    <span class="pic">${c.image ? `<img src="${h(c.image)}" alt="${h(c.image_alt)}" width="400" height="500" loading="lazy" decoding="async">` : ""}<span class="pic-none" aria-hidden="true">${h(c.title)}</span></span>
    <span class="card-title">${h(c.title)}</span>
  </a>
  <p class="card-vendor">${h(c.vendor)}</p>
  <p class="card-price">${c.high > c.low ? `<span class="from">from </span>` : ""}<span class="unseen">Price </span>${money(c.low)}${c.was > c.low ? ` <s><span class="unseen">formerly </span>${money(c.was)}</s>` : ""}</p>
${!c.there ? `  <p class="flag flag-out">Sold out</p>
` : ""}${c.was > c.low ? `  <p class="flag flag-sale">Reduced</p>
` : ""}</li>
`).join("");

/* [before " hidden", before the number, after it] */
function page({ URL, SCRIPTS }, p, variants, categories, menu, cards, events) {
	const shown = variants.find(buyable) || variants[0];
	const gone = variants.filter(v => !buyable(v));
	const title = h(p.title), about = h(p.body.split("\n", 1)[0]);
	const absolute = path => path[0] === "/" ? URL + path : path;
	return [`<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>${title} · Pilcrow</title>
${p.body ? `  <meta name="description" content="${about}">
  <meta property="og:description" content="${about}">
` : ""}  <meta property="og:title" content="${title}">
  <meta property="og:site_name" content="Pilcrow">
  <meta property="og:image" content="${h(absolute(p.image || "/images/og.png"))}">
  <link rel="canonical" href="${URL}/products/${uri(p.handle)}">
  <meta name="theme-color" content="#14293f">
  <link rel="icon" href="/favicon.svg" type="image/svg+xml">
  <link rel="stylesheet" href="/shop.css">
</head>
<body>
  <a class="skip" href="#main">Skip to content</a>

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
        <input type="search" id="q" name="q" value="" maxlength="100" placeholder="Title, author, subject" autocomplete="off">
        <button type="submit">Search</button>
      </form>
      <a class="account-link" href="/account">
        <svg viewBox="0 0 24 24" width="24" height="24" aria-hidden="true" focusable="false"><path d="M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20.5c.6-3.8 3.6-6 7.5-6s6.9 2.2 7.5 6z" fill="none" stroke="currentColor" stroke-width="1.7" stroke-linejoin="round" stroke-linecap="round"/></svg>
        <span class="account-word">Account</span>
      </a>
      <a class="cart-link" href="/cart">
        <svg viewBox="0 0 24 24" width="24" height="24" aria-hidden="true" focusable="false"><path d="M4 8h16l-1.4 12.5H5.4zM8.5 10.5V6.8a3.5 3.5 0 0 1 7 0v3.7" fill="none" stroke="currentColor" stroke-width="1.7" stroke-linejoin="round" stroke-linecap="round"/></svg>
        <span class="cart-word">Cart</span>
        <span class="cart-count" data-cart-count`,
	`><span data-cart-number>`,
	`</span><span class="unseen"> in the cart</span></span>
      </a>
    </div>
    <nav class="menu" aria-label="Collections">
      <ul class="wrap" role="list">
${menu}      </ul>
    </nav>
  </header>

  <main id="main" class="wrap" tabindex="-1">
    <nav class="crumbs" aria-label="You are here">
      <ol role="list"><li><a href="/">Home</a></li>${categories.length ? `<li><a href="/collections/${uri(categories[0].slug)}">${h(categories[0].name)}</a></li>` : ""}<li aria-current="page">${title}</li></ol>
    </nav>
    <article class="product">
      <div class="product-pics">
${p.image ? `        <div class="pic"><img src="${h(p.image)}" alt="${h(p.image_alt || p.title)}" width="800" height="1000" decoding="async"><span class="pic-none" aria-hidden="true">${title}</span></div>
` : ""}        <div class="pic pic-only"><span class="pic-none" aria-hidden="true">${title}</span></div>
      </div>

      <div class="product-words">
        <p class="product-vendor">${h(p.vendor)}</p>
        <h1>${title}</h1>
        <p class="product-price" data-shown aria-live="polite"><span data-shown-price>${money(shown.price)}</span> <s data-shown-was>${was(shown)}</s></p>

        <form class="buy" action="/cart/add" method="post" data-add-to-cart>
${variants.length === 1 ? `          <input type="hidden" name="variant" value="${shown.id}">
` : ""}${variants.length > 1 ? `          <fieldset class="choice">
            <legend>Choose one</legend>
            <div class="pills">
${variants.map(v => `              <label class="pill"><input type="radio" name="variant" value="${v.id}" data-price="${money(v.price)}" data-was="${was(v)}" data-stock="${stockText(v)}" data-sku="${h(v.sku)}"${!buyable(v) ? ` data-sold-out="1"` : ""}${v === shown ? " checked" : ""} required><span class="pill-face">${h(v.name)}<span class="pill-price"> ${money(v.price)}</span>${!buyable(v) ? `<span class="unseen">, sold out</span>` : ""}</span></label>
`).join("")}            </div>
          </fieldset>
` : ""}          <div class="buy-row">
            <div class="stepper" data-stepper>
              <label class="unseen" for="quantity">Quantity</label>
              <input type="number" id="quantity" name="quantity" value="1" min="1" max="${shown.oversell || shown.stock > 999 || shown.stock < 1 ? 999 : shown.stock}" step="1" inputmode="numeric" required>
            </div>
            <button type="submit" class="button" data-buy data-word="Add to cart" data-word-gone="Sold out"${buyable(shown) ? "" : " disabled"}>${buyable(shown) ? "Add to cart" : "Sold out"}</button>
          </div>
          <p class="stock" data-shown-stock>${stockText(shown)}</p>
          <p class="form-error" role="alert" data-form-error></p>
        </form>

${gone.length ? `        <section class="notify" id="notify" aria-labelledby="notify-title" data-notify>
          <h2 id="notify-title">${buyable(shown) ? "Waiting for one that is sold out?" : "Sold out, for now"}</h2>
          <p>Leave your address, and we tell you when it is back. One message, nothing else.</p>
          <form class="notify-form" action="/back-in-stock#notify" method="post">
${variants.length === 1 ? `            <input type="hidden" name="variant" value="${shown.id}">
` : ""}${variants.length > 1 ? `            <div class="field">
              <label for="notify-variant">Which one</label>
              <select id="notify-variant" name="variant">
${gone.map(v => `                <option value="${v.id}">${h(v.name)}</option>
`).join("")}              </select>
            </div>
` : ""}            <div class="field">
              <label for="notify-email">Your e-mail address</label>
              <input type="email" id="notify-email" name="email" value="" maxlength="100" autocomplete="email" required>
            </div>
            <button type="submit" class="button notify-button">Tell me when it is back</button>
          </form>
        </section>
` : ""}        <div class="prose">
${p.body.split("\n\n").map(text => `          <p>${h(text)}</p>
`).join("")}        </div>

        <dl class="facts">
${shown.sku ? `          <div><dt>SKU</dt><dd data-shown-sku>${h(shown.sku)}</dd></div>
` : ""}          <div><dt>On the shelves</dt><dd>${categories.map(c => `<a href="/collections/${uri(c.slug)}">${h(c.name)}</a> `).join("")}</dd></div>
        </dl>
      </div>
    </article>

${cards ? `    <section class="block" aria-labelledby="related">
      <h2 id="related" class="rubric">Next to it on the shelf</h2>
      <ul class="cards" role="list">
${cards}
      </ul>
    </section>
` : ""}

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
        <li><a href="/consent">Cookie settings</a></li>
      </ul>
    </div>
  </footer>

${SCRIPTS}<script>${events}</script>

</body>
</html>
`];
}

module.exports = { page, menuOf, cardsOf, buyable, was };
