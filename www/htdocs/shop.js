/* The shop's own script. Every page works without it.
 *
 * Adds to the cart without leaving the page (and tells klaviyo about it), shows
 * the chosen variant's price, steps quantities, saves a changed cart, folds the
 * billing address, keeps orders from being sent twice, and stands in for
 * pictures that cannot be loaded. It may run at any time.
 */
(function () {
  "use strict";

  var d = document;

  function each(list, f) { Array.prototype.forEach.call(list, f); }
  function all(selector, f) { each(d.querySelectorAll(selector), f); }

  /* An element: make("p", "class", "text" or children..). */
  function make(name, className) {
    var element = d.createElement(name);
    if (className) { element.className = className; }
    each(Array.prototype.slice.call(arguments, 2), function (child) {
      element.append(child);
    });
    return element;
  }

  function money(value, currency) {
    try {
      return new Intl.NumberFormat(d.documentElement.lang || "en", {
        style: "currency", currency: currency
      }).format(value);
    } catch (e) {
      return String(value) + (currency ? " " + currency : "");
    }
  }

  /* Only addresses that a browser fetches as pages or pictures. */
  function safe(url) {
    try {
      var parsed = new URL(url, location.href);
      return /^https?:$/.test(parsed.protocol) ? parsed.href : "";
    } catch (e) {
      return "";
    }
  }

  /* ---- pictures that do not load ---- */

  function stand_in(img) {
    var pic = img.closest(".pic");
    if (pic) { pic.classList.add("failed"); }
  }

  function pictures() {
    all(".pic img", function (img) {
      if (img.complete && img.naturalWidth === 0 && img.getAttribute("src")) {
        /* A lazy picture that has not been asked for yet is not complete. */
        stand_in(img);
      }
    });
    d.addEventListener("error", function (event) {
      if (event.target && event.target.tagName === "IMG") {
        stand_in(event.target);
      }
    }, true);
  }

  /* ---- the cart's number, and what was just added ---- */

  function show_count(count) {
    all("[data-cart-count]", function (badge) {
      var number = badge.querySelector("[data-cart-number]");
      if (number) { number.textContent = String(count); }
      badge.hidden = count < 1;
      badge.classList.remove("bump");
      void badge.offsetWidth;
      badge.classList.add("bump");
    });
  }

  function present_count() {
    var number = d.querySelector("[data-cart-number]");
    return (number && parseInt(number.textContent, 10)) || 0;
  }

  var drawer, live, closing, opener;

  function close_drawer() {
    clearTimeout(closing);
    if (!drawer || !drawer.classList.contains("open")) { return; }
    var held = drawer.contains(d.activeElement);
    drawer.classList.remove("open");
    if (held && opener && d.contains(opener)) { opener.focus(); }
  }

  function close_later() {
    clearTimeout(closing);
    closing = setTimeout(function () {
      if (drawer.matches(":hover") || drawer.contains(d.activeElement)) {
        close_later();
      } else {
        close_drawer();
      }
    }, 9000);
  }

  function make_drawer() {
    live = make("p", "unseen");
    live.setAttribute("role", "status");
    live.setAttribute("aria-live", "polite");
    drawer = make("section", "drawer");
    drawer.setAttribute("aria-label", "Added to the cart");
    d.body.append(live, drawer);
    d.addEventListener("keydown", function (event) {
      if (event.key === "Escape") { close_drawer(); }
    });
  }

  function show_drawer(added, from) {
    var close = make("button", "drawer-close", "×");
    var pic = make("span", "pic");
    var sum = make("p", "drawer-sum");
    var view = make("a", "button plain", "View cart");
    var checkout = make("a", "button", "Checkout");
    var words = added.quantity + " × " + added.name;

    close.type = "button";
    close.setAttribute("aria-label", "Close");
    close.addEventListener("click", close_drawer);
    if (added.image) {
      var img = make("img");
      img.alt = "";
      img.width = 160;
      img.height = 200;
      img.src = added.image;
      pic.append(img);
    }
    pic.append(make("span", "pic-none", added.name));
    view.href = "/cart";
    checkout.href = "/checkout";
    drawer.textContent = "";
    drawer.append(
      make("div", "drawer-head", make("h2", "", "In your cart"), close),
      make("div", "drawer-item", pic,
        make("div", "", make("p", "drawer-name", added.name),
          make("p", "drawer-amount", "Quantity " + added.quantity))));
    if (added.subtotal) {
      sum.append(make("span", "", "Subtotal"),
        make("strong", "", added.subtotal));
      drawer.append(sum);
      words += ", subtotal " + added.subtotal;
    }
    drawer.append(make("div", "drawer-go", view, checkout));
    opener = from;
    drawer.classList.add("open");
    close_later();
    /* Emptied first, so that adding the same again is said again. */
    live.textContent = "";
    setTimeout(function () {
      live.textContent = "Added to the cart: " + words + ".";
    }, 60);
  }

  /* ---- add to cart ---- */

  function track(payload) {
    if (!window.klaviyo || !payload || !payload.Items) { return; }
    Promise.resolve(window.klaviyoIdentified).catch(function () {
      /* Not identified: the event may still find a known visitor. */
    }).then(function () {
      window.klaviyo.track("Added to Cart", payload);
    }).catch(function () {
      /* Tracking never disturbs the shop. */
    });
  }

  function describe(form, fields, payload) {
    var items = Array.isArray(payload.Items) ? payload.Items : null;
    var heading = d.querySelector("h1");
    var picture = d.querySelector(".product-pics img");
    var added = {
      name: payload.AddedItemProductName ||
        (heading ? heading.textContent : "Article"),
      quantity: payload.AddedItemQuantity ||
        parseInt(fields.get("quantity"), 10) || 1,
      image: payload.AddedItemImageURL ? safe(payload.AddedItemImageURL)
        : picture ? picture.src : "",
      subtotal: typeof payload.$value === "number"
        ? money(payload.$value, payload.$value_currency)
        : payload.subtotal || ""
    };
    /* Where klaviyo is not to be told, the answer is the cart's only. */
    added.count = items ? items.reduce(function (sum, item) {
      return sum + (Number(item.Quantity) || 0);
    }, 0) : payload.count || present_count() + added.quantity;
    return added;
  }

  function form_error(form, text) {
    var place = form.querySelector("[data-form-error]");
    if (place) { place.textContent = text; }
  }

  function busy(button, on, word) {
    if (!button) { return; }
    if (on) {
      button.setAttribute("data-was", button.textContent);
      button.textContent = word;
      button.setAttribute("aria-disabled", "true");
      button.classList.add("busy");
    } else {
      button.textContent = button.getAttribute("data-was");
      button.removeAttribute("aria-disabled");
      button.classList.remove("busy");
    }
  }

  function add_to_cart(form) {
    var button = form.querySelector("[data-buy]") ||
      form.querySelector("[type=submit]");
    var sending = false;

    form.addEventListener("submit", function (event) {
      var fields, slow;

      if (sending) {
        event.preventDefault();
        return;
      }
      try {
        fields = new URLSearchParams(new FormData(form));
      } catch (e) {
        return;                 /* nothing was sent: an ordinary submit */
      }
      event.preventDefault();
      if (navigator.onLine === false) {
        form_error(form, "You seem to be offline. Nothing was added.");
        return;
      }
      sending = true;
      form_error(form, "");
      busy(button, true, "Adding…");
      slow = setTimeout(function () {
        if (live) { live.textContent = "Still adding to the cart."; }
      }, 4000);
      fetch(form.action, {
        method: "POST",
        body: fields,
        headers: { "Accept": "application/json" },
        credentials: "same-origin",
        redirect: "error"
      }).then(function (response) {
        return response.json().then(function (payload) {
          return { ok: response.ok, payload: payload };
        }, function () {
          return { ok: response.ok, payload: {} };
        });
      }).then(function (answer) {
        var payload = answer.payload || {};
        if (!answer.ok) {
          form_error(form, typeof payload.error === "string" && payload.error
            ? payload.error
            : "That did not go into the cart. Please try again.");
          return;
        }
        var added = describe(form, fields, payload);
        show_count(added.count);
        show_drawer(added, button);
        track(payload);
      }).catch(function () {
        /* It may have arrived: do not send it again by ourselves. */
        form_error(form, "No answer from the shop. Please look into the " +
          "cart before you try again.");
      }).then(function () {
        clearTimeout(slow);
        sending = false;
        busy(button, false);
        form.dispatchEvent(new CustomEvent("shop:settled"));
      });
    });
  }

  /* ---- variants ---- */

  function variants(form) {
    var inputs = form.querySelectorAll("input[type=radio][name=variant]");
    var button = form.querySelector("[data-buy]");
    var page = form.closest(".product") || d;
    var notify = page.querySelector("[data-notify]");

    /* "Tell me when it is back" is of the one that is chosen. */
    function offer(chosen, gone) {
      var which = notify && notify.querySelector("select[name=variant]");
      if (!notify) { return; }
      notify.hidden = !gone;
      if (gone && which) { which.value = chosen.value; }
    }

    function put(selector, text) {
      var place = page.querySelector(selector);
      if (place) { place.textContent = text; }
    }

    function show() {
      var chosen = form.querySelector("input[name=variant]:checked");
      if (!chosen) { return; }
      var gone = chosen.hasAttribute("data-sold-out");
      put("[data-shown-price]", chosen.getAttribute("data-price") || "");
      put("[data-shown-was]", chosen.getAttribute("data-was") || "");
      put("[data-shown-stock]", chosen.getAttribute("data-stock") || "");
      put("[data-shown-sku]", chosen.getAttribute("data-sku") || "");
      offer(chosen, gone);
      all("[data-shown-stock]", function (p) {
        p.classList.toggle("gone", gone);
      });
      if (button && !button.classList.contains("busy")) {
        button.disabled = gone;
        button.textContent = button.getAttribute(
          gone ? "data-word-gone" : "data-word");
      }
    }

    if (!inputs.length) {
      if (button && button.disabled) {
        all("[data-shown-stock]", function (p) { p.classList.add("gone"); });
      }
      return;
    }
    each(inputs, function (input) {
      input.addEventListener("change", function () {
        form_error(form, "");
        show();
      });
    });
    form.addEventListener("shop:settled", show);
    /* The browser may have kept another choice over a reload. */
    window.addEventListener("pageshow", show);
    show();
  }

  /* ---- quantities ---- */

  function stepper(place) {
    var input = place.querySelector("input[type=number]");
    var label = place.querySelector("label");
    var name = label ? label.textContent : "Quantity";
    if (!input) { return; }

    function button(sign, word, by) {
      var b = make("button", "", sign);
      b.type = "button";
      b.setAttribute("aria-label", word + ": " + name);
      b.addEventListener("click", function () {
        var min = Number(input.min || 0), max = Number(input.max || 999);
        var now = parseInt(input.value, 10);
        if (isNaN(now)) { now = min; }
        now = Math.min(max, Math.max(min, now + by));
        if (String(now) === input.value) { return; }
        input.value = String(now);
        input.dispatchEvent(new Event("input", { bubbles: true }));
        input.dispatchEvent(new Event("change", { bubbles: true }));
      });
      return b;
    }

    var less = button("−", "One less", -1), more = button("+", "One more", 1);
    /* In the cart 0 would remove the line: that is what Remove is for. */
    var least = Math.max(1, Number(input.min || 0));
    function limits() {
      var now = parseInt(input.value, 10);
      less.disabled = !(now > least);
      more.disabled = now >= Number(input.max || 999);
    }
    input.before(less);
    input.after(more);
    input.addEventListener("input", limits);
    place.classList.add("stepped");
    limits();
  }

  /* ---- cart page ---- */

  function cart(form) {
    var timer, sent = false;
    var status = form.querySelector("[data-cart-status]");

    function save() {
      clearTimeout(timer);
      if (sent || !form.checkValidity()) { return; }
      sent = true;
      if (status) { status.textContent = "Updating the cart."; }
      form.classList.add("waiting");
      form.submit();
    }

    form.addEventListener("change", function (event) {
      if (event.target.type !== "number") { return; }
      clearTimeout(timer);
      timer = setTimeout(save, 700);
    });
    form.addEventListener("input", function () { clearTimeout(timer); });
    form.addEventListener("submit", function (event) {
      clearTimeout(timer);
      if (sent) {
        event.preventDefault();
        return;
      }
      sent = true;
      form.classList.add("waiting");
    });
    /* Changed, and on to the checkout at once: save first. */
    all(".cart-go a", function (link) {
      link.addEventListener("click", function (event) {
        if (timer && !sent && dirty()) {
          event.preventDefault();
          save();
        }
      });
    });
    function dirty() {
      return Array.prototype.some.call(form.elements, function (field) {
        return field.type === "number" && field.value !== field.defaultValue;
      });
    }
    window.addEventListener("pageshow", function (event) {
      if (event.persisted) { location.reload(); }
    });
  }

  /* ---- checkout ---- */

  function checkout(form) {
    var same = form.querySelector("#billing_same");
    var billing = form.querySelector("[data-billing]");
    var errors = d.querySelector("[data-errors]");
    var sent = false;

    function fold() {
      billing.hidden = same.checked;
      each(billing.querySelectorAll("input, select"), function (field) {
        field.disabled = same.checked;
      });
    }

    if (same && billing) {
      same.addEventListener("change", fold);
      window.addEventListener("pageshow", fold);
      fold();
    }
    /* Enter in the code's field means: apply it. */
    var code = form.querySelector("#discount");
    var apply = form.querySelector("button[value=apply]");
    if (code && apply) {
      code.addEventListener("keydown", function (event) {
        if (event.key === "Enter") {
          event.preventDefault();
          apply.click();
        }
      });
    }
    form.addEventListener("submit", function (event) {
      if (sent) {
        event.preventDefault();
        return;
      }
      sent = true;
      var button = event.submitter && event.submitter.value === "apply"
        ? event.submitter : form.querySelector("[data-order]");
      /* Not disabled: a disabled button's value would not be sent. */
      busy(button, true,
        button === apply ? "Applying…" : "Placing the order…");
    });
    window.addEventListener("pageshow", function (event) {
      if (event.persisted) { location.reload(); }
    });
    if (errors) { errors.focus(); }
  }

  /* ---- what may be measured ---- */

  function said() {
    var found = /(?:^|; )consent=(yes|no)(?:;|$)/.exec(d.cookie);
    return found ? found[1] : "";
  }

  function consent(form) {
    form.addEventListener("submit", function (event) {
      var choice = event.submitter && event.submitter.value;
      /* A form that is being filled in would be lost by another page. */
      if (!choice || !window.fetch) { return; }
      event.preventDefault();
      fetch(form.action, {
        method: "POST",
        body: new URLSearchParams({ choice: choice }),
        headers: { "Accept": "application/json" },
        credentials: "same-origin",
        redirect: "error"
      }).then(function (response) {
        if (!response.ok) { throw new Error(response.status); }
        said_before = said();
        form.remove();
        d.querySelector("main").focus();
        if (choice === "yes" &&
            !d.querySelector("form[data-checkout], form[data-once]")) {
          location.reload();
        }
      }).catch(function () {
        var kept = make("input");
        kept.type = "hidden";
        kept.name = "choice";
        kept.value = choice;
        form.append(kept);
        form.submit();
      });
    });
  }

  /* A page that the browser has kept is not shown again with what was taken
     back since. */
  var said_before = said();
  window.addEventListener("pageshow", function (event) {
    if (event.persisted && said() !== said_before) { location.reload(); }
  });

  /* ---- forms that count once ---- */

  function once(form) {
    var sent = false, errors = d.querySelector("[data-errors]");
    form.addEventListener("submit", function (event) {
      if (sent) { event.preventDefault(); }
      sent = true;
    });
    window.addEventListener("pageshow", function () { sent = false; });
    if (errors) { errors.focus(); }
  }

  /* ---- menus ---- */

  function menu() {
    var current = d.querySelector(".menu [aria-current]");
    var list = current && current.closest("ul");
    if (list && list.scrollWidth > list.clientWidth) {
      list.scrollLeft = current.offsetLeft - list.clientWidth / 2;
    }
  }

  function start() {
    d.documentElement.classList.add("js");
    pictures();
    make_drawer();
    all("[data-stepper]", stepper);
    all("form[data-add-to-cart]", function (form) {
      variants(form);
      add_to_cart(form);
    });
    all("form[data-cart]", cart);
    all("form[data-consent]", consent);
    all("form[data-checkout]", checkout);
    all("form[data-once]", once);
    all("form[data-auto-submit]", function (form) {
      form.addEventListener("change", function () { form.submit(); });
    });
    menu();
  }

  if (d.readyState === "loading") {
    d.addEventListener("DOMContentLoaded", start);
  } else {
    start();
  }
})();
