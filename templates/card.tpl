{{%AUTOESCAPE context="HTML"}}{{!
card.tpl - one product in a list; included once for each as CARD.

URL         text     path of the product page
TITLE       text
VENDOR      text     may be ""
PICTURE     section  once, if there is a picture: IMAGE (address), ALT (text)
PRICE       text     formatted; the lowest, if prices differ
FROM        section  shown when the product has several prices
COMPARE_AT  section  once, with TEXT: the former price, formatted
SOLD_OUT    section  shown when nothing of it can be bought
}}<li class="card">
  <a class="card-link" href="{{URL}}">
    <span class="pic">{{#PICTURE}}<img src="{{IMAGE}}" alt="{{ALT}}" width="400" height="500" loading="lazy" decoding="async">{{/PICTURE}}<span class="pic-none" aria-hidden="true">{{TITLE}}</span></span>
    <span class="card-title">{{TITLE}}</span>
  </a>
  <p class="card-vendor">{{VENDOR}}</p>
  <p class="card-price">{{#FROM}}<span class="from">from </span>{{/FROM}}<span class="unseen">Price </span>{{PRICE}}{{#COMPARE_AT}} <s><span class="unseen">formerly </span>{{TEXT}}</s>{{/COMPARE_AT}}</p>
{{#SOLD_OUT}}  <p class="flag flag-out">Sold out</p>
{{/SOLD_OUT}}{{#COMPARE_AT}}  <p class="flag flag-sale">Reduced</p>
{{/COMPARE_AT}}</li>
