/*
 * page_kit.js - what the scripts of the live page share: window.sandbox.
 *
 * It holds what the page knows (status, profiles, stock) and the few functions
 * by which everything is drawn. Whatever came from outside gets into the page
 * as text (make, pretty), never as markup.
 */
(function () {
	'use strict'

	var S = window.sandbox = { status: null, profiles: [], stock: [] }

	function $ (id) {
		return document.getElementById(id)
	}

	/* make('td.num', 'text', child, ..): an element */
	function make (what) {
		var parts = what.split('.'), e = document.createElement(parts[0])

		if (parts.length > 1)
			e.className = parts.slice(1).join(' ')
		for (var i = 1; i < arguments.length; i++)
			if (arguments[i] !== null && arguments[i] !== undefined)
				e.append(arguments[i])
		return e
	}

	function json (url, options) {
		return fetch(url, options).then(function (answer) {
			return answer.json()
		})
	}

	function number (n) {
		return n.toLocaleString('en')
	}

	function clock (iso) {
		var d = new Date(iso)

		return d.toLocaleTimeString('en-GB') + '.' +
			String(d.getMilliseconds()).padStart(3, '0')
	}

	function plural (n, one, many) {
		return number(n) + ' ' + (n === 1 ? one : many)
	}

	/* JSON with its kinds of values in colours. */
	function pretty (value) {
		var pre = make('pre'), text = typeof value === 'string' ? value :
			JSON.stringify(value, null, 2)
		var token = /("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d[\d.eE+-]*)|(true|false|null)/g
		var last = 0, m

		while ((m = token.exec(text))) {
			pre.append(text.slice(last, m.index))
			pre.append(make(m[1] ? m[2] ? 'span.key' : 'span.str' :
				m[3] ? 'span.num' : 'span.lit', m[1] || m[0]))
			if (m[2])
				pre.append(m[2])
			last = token.lastIndex
		}
		pre.append(text.slice(last))
		return pre
	}

	/* back_in_stock, email.open_tracking: as words */
	function words (name) {
		return name.replace(/[._]/g, ' ').replace(/^sms/, 'SMS')
	}

	/* Without the prefix that all ids of a custom catalogue have. */
	function article (id) {
		return id.replace('$custom:::$default:::', '')
	}

	S.$ = $
	S.make = make
	S.json = json
	S.number = number
	S.clock = clock
	S.plural = plural
	S.pretty = pretty
	S.words = words
	S.article = article
})()
