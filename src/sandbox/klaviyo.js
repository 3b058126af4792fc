/*
 * klaviyo.js - klaviyo-sandbox's stand-in for Klaviyo's onsite script.
 *
 * Behaves, as far as tracking goes, as Klaviyo's public documentation and the
 * shipped script's observable behaviour say: takes over the queue of the
 * klaviyo object's shim, keeps the visitor in the cookie __kla_id, and posts to
 * /client of the server that it was loaded from. Contains none of Klaviyo's
 * code. Knows no forms: openForm does nothing.
 */
(function () {
	'use strict'

	var script = document.currentScript ||
		document.querySelector('script[src*="/onsite/js/"]')
	var source = new URL(script.src, location.href)
	var company = (/\/onsite\/js\/([A-Za-z0-9]+)\//.exec(source.pathname) ||
		[])[1] || source.searchParams.get('company_id') || ''
	var REVISION = '2026-07-15'
	var COOKIE = '__kla_id', VIEWED = '__kla_viewed', WHO = '__kla_sandbox'
	var DAYS = 730, COOKIE_MAX = 3000, VIEWED_MAX = 20, VIEWED_DAYS = 30
	var DEBOUNCE = 300, TRIES = 5

	/* Cookie members that make a visitor known. */
	var KNOWN = ['$exchange_id', 'id', '$email', '$id', '$kid',
		'$anonymous', '$phone_number', 'email', 'phone_number']
	/* Names in identify -> members of a profile's attributes. */
	var ATTRIBUTES = {
		email: 'email', $email: 'email',
		phone_number: 'phone_number', $phone_number: 'phone_number',
		$id: 'external_id', $anonymous: 'anonymous_id',
		$first_name: 'first_name', first_name: 'first_name',
		$last_name: 'last_name', last_name: 'last_name',
		$organization: 'organization', organization: 'organization',
		$title: 'title', title: 'title',
		$image: 'image', image: 'image',
		$locale: 'locale', locale: 'locale'
	}
	var LOCATION = {
		$address1: 'address1', $address2: 'address2', $city: 'city',
		$region: 'region', $zip: 'zip', $country: 'country',
		$timezone: 'timezone', $latitude: 'latitude',
		$longitude: 'longitude'
	}
	/* Cookie members -> identifiers of the profile in an event. */
	var IDENTIFIERS = {
		$email: 'email', email: 'email',
		$phone_number: 'phone_number', phone_number: 'phone_number',
		$id: 'external_id', $anonymous: 'anonymous_id',
		$exchange_id: '_kx'
	}

	var domain = ''
	var pending = null, timer = 0, waiting = [], active = false

	/* Where the visitor is kept: the cookie, as the server may read it. */

	function cookie (name) {
		var parts = document.cookie.split('; ')

		for (var i = 0; i < parts.length; i++)
			if (parts[i].indexOf(name + '=') === 0)
				return parts[i].slice(name.length + 1)
		return ''
	}

	function off () {
		return cookie('__kla_off') === 'true'
	}

	function encode (object) {
		var bytes = new TextEncoder().encode(JSON.stringify(object))
		var text = ''

		bytes.forEach(function (b) { text += String.fromCharCode(b) })
		return encodeURIComponent(btoa(text))
	}

	function decode (text) {
		try {
			var raw = atob(decodeURIComponent(text))
			var bytes = Uint8Array.from(raw, function (c) {
				return c.charCodeAt(0)
			})
			var object = JSON.parse(new TextDecoder().decode(bytes))

			return object && typeof object === 'object' ? object : {}
		} catch (e) {
			return {}
		}
	}

	function visitor () {
		return decode(cookie(COOKIE))
	}

	function remember (who) {
		var text = encode(who)

		if (text.length > COOKIE_MAX || off())
			return
		document.cookie = COOKIE + '=' + text + '; path=/; max-age=' +
			DAYS * 86400 + '; SameSite=Lax' +
			(domain ? '; domain=' + domain : '')
	}

	function random () {
		var bytes = crypto.getRandomValues(new Uint8Array(24))
		var text = ''

		bytes.forEach(function (b) { text += String.fromCharCode(b) })
		return btoa(text).replace(/\+/g, '-').replace(/\//g, '_')
	}

	function known (who) {
		return KNOWN.some(function (name) { return who[name] })
	}

	function storage (name, value) {
		try {
			if (value === undefined)
				return JSON.parse(localStorage.getItem(name))
			localStorage.setItem(name, JSON.stringify(value))
		} catch (e) { /* storage may be forbidden, or hold anything */ }
		return null
	}

	/* Talking to the server. */

	function wait (ms) {
		return new Promise(function (done) { setTimeout(done, ms) })
	}

	/* Resolves with whether it was accepted; 429 is tried again. */
	async function post (path, data) {
		var url = source.origin + path + '?company_id=' +
			encodeURIComponent(company)

		for (var i = 0; i < TRIES; i++) {
			try {
				var answer = await fetch(url, {
					method: 'POST',
					keepalive: true,
					credentials: 'omit',
					headers: {
						'Content-Type': 'application/json',
						revision: REVISION
					},
					body: JSON.stringify({ data: data })
				})

				if (answer.status !== 429)
					return answer.ok
			} catch (e) {
				return false
			}
			await wait(1000 + Math.random() * 1000)
		}
		return false
	}

	/* identify */

	function attributes (properties) {
		var out = {}

		Object.keys(properties).forEach(function (name) {
			var value = properties[name]

			if (value === undefined)
				return
			if (ATTRIBUTES[name]) {
				out[ATTRIBUTES[name]] = value
			} else if (LOCATION[name]) {
				out.location = out.location || {}
				out.location[LOCATION[name]] = value
			} else if (name !== 'id' && name !== '$kid') {
				out.properties = out.properties || {}
				out.properties[name] = value
			}
		})
		return out
	}

	function identifiers (who) {
		var out = {}

		Object.keys(IDENTIFIERS).forEach(function (name) {
			if (typeof who[name] === 'string' && who[name])
				out[IDENTIFIERS[name]] = who[name]
		})
		if (!out.anonymous_id && who.cid)
			out.anonymous_id = who.cid
		return out
	}

	/*
	 * An opaque id stands for the profile, as Klaviyo's does. Another address
	 * or id in the same browser is another visitor, and gets another one.
	 */
	function exchange (who, given) {
		var last = storage(WHO) || {}
		var names = ['email', 'phone_number', 'external_id']
		var other = names.some(function (name) {
			return given[name] && last[name] &&
				given[name] !== last[name]
		})

		if (other) {
			last = {}
			delete who.$exchange_id
		}
		names.forEach(function (name) {
			if (given[name])
				last[name] = given[name]
		})
		storage(WHO, last)
		return other
	}

	/* Puts the identifiers in the cookie at once; the call comes later. */
	function identify (properties) {
		var given, who = visitor()

		properties = Object.assign({}, properties)
		given = attributes(properties)
		if (off())
			return Promise.resolve(properties)
		if (given.email || given.phone_number || given.external_id) {
			if (exchange(who, given))
				flush()
			if (given.email)
				who.$email = given.email
			if (given.phone_number)
				who.$phone_number = given.phone_number
			if (given.external_id)
				who.$id = given.external_id
		}
		if (given.anonymous_id)
			who.$anonymous = given.anonymous_id
		if (properties.id || properties.$kid)
			who.$kid = properties.id || properties.$kid
		remember(who)
		if (!known(who))
			return Promise.resolve(properties)
		pending = Object.assign(pending || {}, properties)
		clearTimeout(timer)
		timer = setTimeout(flush, DEBOUNCE)
		return new Promise(function (done) {
			waiting.push(function () { done(properties) })
		})
	}

	function profile (given, who) {
		var data = { type: 'profile', attributes: Object.assign(given,
			identifiers(who)) }

		if (who.$kid)
			data.id = who.$kid
		return data
	}

	/* Sends what identify collected; then the cookie holds the opaque id. */
	async function flush () {
		var properties = pending, calls = waiting, who = visitor(), ok

		clearTimeout(timer)
		if (!properties)
			return
		pending = null
		waiting = []
		if (!who.$exchange_id)
			who.$exchange_id = random()
		ok = await post('/client/profiles/', profile(
			attributes(properties), who))
		if (ok) {
			var now = visitor()

			/* Unless another one was identified meanwhile. */
			if (now.$email === who.$email && now.$id === who.$id) {
				now.$exchange_id = who.$exchange_id
				delete now.$email
				delete now.$phone_number
				delete now.$id
				remember(now)
			}
			activity()
		}
		calls.forEach(function (call) { call() })
	}

	/* track */

	var RESERVED = { $value: 'value', $event_id: 'unique_id',
		unique_id: 'unique_id', time: 'time',
		$value_currency: 'value_currency' }

	function track (name, properties) {
		var who = visitor(), event

		if (off() || !known(who))
			return Promise.resolve(false)
		event = { properties: { $use_ip: true,
			$is_session_activity: true } }
		Object.keys(properties || {}).forEach(function (key) {
			if (RESERVED[key])
				event[RESERVED[key]] = properties[key]
			else if (properties[key] !== undefined)
				event.properties[key] = properties[key]
		})
		event.metric = { data: { type: 'metric',
			attributes: { name: name } } }
		event.profile = { data: profile({}, who) }
		return post('/client/events/', { type: 'event',
			attributes: event })
	}

	/* The metric Active on Site: once a page, as soon as one is known. */
	function activity () {
		if (active || off() || !known(visitor()))
			return
		active = true
		track('Active on Site', { page: location.origin +
			location.pathname })
	}

	function trackViewedItem (item) {
		var now = Date.now(), list = storage(VIEWED)
		var old = 0

		if (off() || !item || !item.ItemId)
			return Promise.resolve()
		list = (Array.isArray(list) ? list : []).filter(function (other) {
			if (other && other[0] && other[0].ItemId === item.ItemId) {
				old = other[1] || 0
				return false
			}
			return other && other[0] &&
				now - (other[2] || 0) < VIEWED_DAYS * 864e5
		})
		list.unshift([item, old + 1, now])
		list = list.slice(0, VIEWED_MAX)
		storage(VIEWED, list)
		return identify({ $viewed_items: list.map(function (entry) {
			return Object.assign({}, entry[0], { Views: entry[1],
				LastViewed: new Date(entry[2]).toISOString() })
		}) }).then(function () {})
	}

	/* The klaviyo object */

	var methods = {
		identify: identify,
		track: track,
		trackViewedItem: trackViewedItem,
		openForm: function () {},
		isIdentified: function () { return known(visitor()) },
		account: function (id) {
			if (typeof id === 'string')
				company = id
			return company
		},
		cookieDomain: function (name) {
			if (typeof name === 'string')
				domain = name
			return domain
		}
	}

	function call (name, args) {
		var then = typeof args[args.length - 1] === 'function' ?
			args.pop() : null

		return Promise.resolve().then(function () {
			if (!Object.prototype.hasOwnProperty.call(methods, name))
				return undefined
			return methods[name].apply(null, args)
		}).then(function (result) {
			if (then)
				try {
					then(result)
				} catch (e) {
					console.error(e)
				}
			return result
		})
	}

	/* push(['method', ...args, callback]) */
	function push () {
		Array.prototype.forEach.call(arguments, function (entry) {
			if (typeof entry === 'function')
				entry()
			else if (Array.isArray(entry))
				call(entry[0], entry.slice(1))
		})
	}

	function start () {
		var queue = window._klOnsite, query, who = visitor(), kx
		var klaviyo = { push: push }

		Object.keys(methods).forEach(function (name) {
			klaviyo[name] = function () {
				return call(name,
					Array.prototype.slice.call(arguments))
			}
		})
		query = new URLSearchParams(location.search)
		if (!who.cid)
			who.cid = btoa(crypto.randomUUID ? crypto.randomUUID() :
				random())
		if (!who.$referrer)
			who.$referrer = { ts: Math.floor(Date.now() / 1000),
				value: document.referrer,
				first_page: location.origin + location.pathname }
		kx = /^([\w\-=]+)\.(\w+)$/.exec(query.get('_kx') || '')
		if (kx && kx[2] === company)
			who.$exchange_id = kx[1]
		remember(who)
		window.klaviyo = klaviyo
		window._klOnsite = { push: push }
		if (query.get('utm_email'))
			identify({ email: query.get('utm_email') })
		activity()
		if (Array.isArray(queue))
			push.apply(null, queue)
		addEventListener('pagehide', flush)
	}

	if (!window.__klaviyoSandbox) { /* once, however often it is loaded */
		window.__klaviyoSandbox = true
		start()
	}
})()
