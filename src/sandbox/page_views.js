/*
 * page_views.js - the views beside the list: a person, the guide, limits and
 * faults.
 */
(function () {
	'use strict'

	var S = window.sandbox
	var $ = S.$, make = S.make, json = S.json, number = S.number,
		plural = S.plural, pretty = S.pretty, words = S.words,
		article = S.article, fact = S.fact,
		section = S.section

	/* A person */

	/* What somebody said yes or no to, one fact a channel. */
	function consents (list, p) {
		Object.keys(p.consent.channels).forEach(function (name) {
			var c = p.consent.channels[name]
			var badge = make('span.badge', c.state.toLowerCase())

			badge.classList.add(c.state === 'SUBSCRIBED' ? 'accepted' : 'warn')
			fact(list, words(name), make('span', badge, ' ' + new Date(c.at)
				.toLocaleString('en-GB') + (c.source ? ', ' + c.source : '')))
		})
		fact(list, 'Lists', p.consent.lists.join(', '))
		fact(list, 'Left', p.consent.left.join(', '))
		fact(list, 'Waits for', S.stock.filter(function (w) {
			return w.person === p.id
		}).map(function (w) { return article(w.variant) }).join(', '))
	}

	S.drawProfile = function (id) {
		var box = $('profile'), p = S.profiles.find(function (q) {
			return q.id === id
		})
		var list = make('dl.facts'), a, close

		box.hidden = !p
		if (!p)
			return
		a = Object.assign({}, p.attributes)
		fact(list, 'Profile id', make('code', p.id))
		Object.keys(p.identifiers).forEach(function (name) {
			fact(list, name, make('code', p.identifiers[name]))
			delete a[name]
		})
		if (p.merged.length)
			fact(list, 'Merged', 'took in ' + plural(p.merged.length,
				'other profile', 'other profiles'))
		consents(list, p)
		fact(list, 'First seen', new Date(a.created).toLocaleString('en-GB'))
		delete a.created
		delete a.updated
		close = make('button.link', 'Show all people')
		close.onclick = function () { S.choose('person', '') }
		box.replaceChildren(make('h2', p.who || 'Unknown visitor'),
			make('p.quiet', plural(p.events, 'event', 'events') + ' · ',
				close), list)
		if (Object.keys(a).length)
			section(box, 'Attributes', pretty(a))
	}

	/* The guide */

	function verdict (p) {
		if (p.misspelled)
			return ['bad', 'spelled ' + p.instead]
		if (p.mistyped)
			return ['bad', 'not a ' + p.type]
		if (p.missing && p.seen)
			return ['warn', 'missing in ' + p.missing]
		if (p.missing)
			return p.optional ? ['', 'not sent (optional)'] :
				['bad', 'missing']
		return p.seen ? ['accepted', 'there'] : ['', 'not seen']
	}

	function guideCard (g, wasOpen) {
		var card = make('details.card'), body = make('tbody'), bad = 0

		g.properties.forEach(function (p) {
			var v = verdict(p), badge = make('span.badge', v[1])

			if (v[0])
				badge.classList.add(v[0])
			bad += v[0] === 'bad' || (v[0] === 'warn' && !p.optional)
			body.append(make('tr', make('td', make('code', p.name)),
				make('td', p.where), make('td', p.type),
				make('td.num', number(p.seen)), make('td', badge)))
		})
		var sum = make('span.badge', !g.events ? 'no such event yet' : bad ?
			plural(bad, 'thing to look at', 'things to look at') :
			'as the guide says')
		if (g.events)
			sum.classList.add(bad ? 'bad' : 'accepted')
		card.append(make('summary', make('strong', g.metric), sum,
			make('span.n', plural(g.events, 'event', 'events'))),
			make('div.wrap', make('table', make('thead', make('tr',
				make('th', 'Property'), make('th', 'Where'),
				make('th', 'Type'), make('th.num', 'Seen'),
				make('th', 'Result'))), body)))
		card.dataset.metric = g.metric
		card.open = wasOpen === undefined ? g.events > 0 && bad > 0 : wasOpen
		return card
	}

	function drawGuide () {
		var was = {}

		$('guide').querySelectorAll('details').forEach(function (d) {
			if (d.dataset.touched)
				was[d.dataset.metric] = d.open
		})
		$('guide').replaceChildren.apply($('guide'), S.status.guide.map(
			function (g) {
				var card = guideCard(g, was[g.metric])

				if (g.metric in was)
					card.dataset.touched = '1'
				card.querySelector('summary').onclick = function () {
					card.dataset.touched = '1'
				}
				return card
			}))
	}

	/* Limits and faults */

	function meter (name, w, tail) {
		var bar = make('progress')

		bar.max = w.limit
		bar.value = w.used
		bar.setAttribute('aria-label', name)
		if (w.used >= w.limit)
			bar.classList.add('full')
		return make('div.meter', make('span', name), bar, make('span',
			number(w.used) + ' / ' + number(w.limit) + tail))
	}

	function windowCard (w) {
		return make('div.window', make('h3', make('span', w.method + ' '),
			w.path), meter('second', w.burst, ''),
		meter('minute', w.steady, w.steady.used ?
			', ' + w.steady.reset + ' s' : ''))
	}

	function drawLimits () {
		var used = S.status.windows.filter(function (w) {
			return w.steady.used
		})
		var rest = S.status.windows.filter(function (w) {
			return !w.steady.used
		})

		$('windows').replaceChildren.apply($('windows'), used.map(windowCard))
		$('rest-count').textContent = used.length ?
			'The other ' + number(rest.length) : 'All ' + number(rest.length)
		$('rest').replaceChildren.apply($('rest'), rest.map(windowCard))
		if (document.activeElement !== $('fault-spec'))
			$('fault-spec').value = S.status.fault
	}

	function setFault (spec) {
		json('/sandbox/fault', { method: 'POST', body: spec || 'none' })
			.then(function (answer) {
				$('fault-said').textContent = answer.error || (answer.fault ?
					'Set. Faults by chance follow seed ' + answer.seed + '.' :
					'No faults: every answer is right.')
				if (!answer.error)
					$('fault-spec').value = answer.fault
			})
	}

	S.drawGuide = drawGuide
	S.drawLimits = drawLimits
	S.setFault = setFault
})()
