/*
 * page.js - the live page of klaviyo-sandbox.
 *
 * Waits for news of /sandbox/events and shows them; asks /sandbox/status,
 * /sandbox/profiles and /sandbox/stock for what surrounds them. The view of the
 * catalogue is page_catalog.js. Whatever came from outside gets
 * into the page as text (textContent), never as markup.
 */
(function () {
	'use strict'

	var KEPT = 3000, SHOWN = 400
	var OUTCOMES = ['accepted', 'duplicate', 'dropped', 'refused', 'fault',
		'profile', 'consent', 'back_in_stock', 'catalog']
	var VIEWS = ['stream', 'guide', 'catalog', 'limits']
	var PRESETS = ['none', '5xx=0.1', '429/5*3', 'record+reset=0.1',
		'hang/20000=0.05', 'script:503,503,reset,ok', 'down/5000*1']

	var entries = [], status = null, profiles = [], stock = []
	var after = 0, epoch = '', paused = false, missed = 0
	var pick = { person: '', metric: '', outcome: '', text: '' }
	var open = new Set(), more = SHOWN, fresh = new Set()

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

	/* What an entry is, in words */

	function person (entry) {
		var id = entry.person

		return profiles.find(function (p) {
			return p.id === id || (id && p.merged.indexOf(id) >= 0)
		})
	}

	function who (entry) {
		var p = person(entry)

		return (p && p.who) || entry.who || ''
	}

	/* back_in_stock, email.open_tracking: as words */
	function words (name) {
		return name.replace(/[._]/g, ' ').replace(/^sms/, 'SMS')
	}

	/* Without the prefix that all ids of a custom catalogue have. */
	function article (id) {
		return id.replace('$custom:::$default:::', '')
	}

	function job (entry) {
		return status && status.catalog.jobs.find(function (j) {
			return j.id === entry.job
		})
	}

	function title (entry) {
		if (entry.metric)
			return entry.metric
		if (entry.kind === 'consent')
			return entry.change === 'subscribe' ? 'Subscribe' : 'Unsubscribe'
		if (entry.kind === 'back_in_stock')
			return 'Back in stock'
		if (entry.kind === 'merge')
			return 'Merge profiles'
		if (entry.kind === 'catalog')
			return entry.doing[0].toUpperCase() + entry.doing.slice(1) + ' ' +
				plural(entry.count, entry.what, entry.what === 'category' ?
					'categories' : entry.what + 's')
		if (entry.kind === 'profile')
			return entry.side === 'browser' ? 'Identify' : 'Profile'
		return entry.method + ' ' + entry.path.split('?')[0]
	}

	/* "email, SMS": marketing is what goes without saying */
	function channels (entry) {
		return entry.channels.map(function (c) {
			return words(c.toLowerCase().replace('.marketing', ''))
		}).join(', ')
	}

	function progress (j) {
		if (!j)
			return ''
		return j.attributes.failed_count ?
			number(j.attributes.failed_count) + ' failed' :
			j.attributes.status
	}

	function value (entry) {
		if (entry.channels)
			return channels(entry)
		if (entry.job)
			return progress(job(entry))
		if (entry.value === undefined)
			return ''
		if (entry.value_currency)
			try {
				return new Intl.NumberFormat('en', { style: 'currency',
					currency: entry.value_currency }).format(entry.value)
			} catch (e) { /* not a currency of this browser */ }
		return entry.value + ' ' + (entry.value_currency || '')
	}

	function reason (entry) {
		var e = entry.errors && entry.errors[0]

		if (e)
			return e.status + ' ' + ((e.source && e.source.pointer) || '') +
				' ' + e.detail
		return entry.outcome === 'fault' ? 'Fault: ' + entry.fault : ''
	}

	/* Without one the time stands in, which is no name to show. */
	function givenId (entry) {
		if (entry.variant)
			return article(entry.variant)
		if (entry.job)
			return entry.job.slice(-8)
		return entry.list || (entry.attributes && entry.attributes.unique_id) || ''
	}

	function matches (entry) {
		var p

		if (pick.outcome && entry.outcome !== pick.outcome)
			return false
		if (pick.metric && entry.metric !== pick.metric)
			return false
		if (pick.person) {
			p = person(entry)
			if ((p ? p.id : '-') !== pick.person)
				return false
		}
		if (!pick.text)
			return true
		if (!entry.search)
			entry.search = JSON.stringify(entry).toLowerCase()
		return entry.search.indexOf(pick.text) >= 0 ||
			who(entry).toLowerCase().indexOf(pick.text) >= 0
	}

	/* The list */

	function fact (list, name, content) {
		if (content !== '' && content !== undefined && content !== null)
			list.append(make('dt', name), make('dd', content))
	}

	function jobFacts (list, entry) {
		var j = job(entry)

		fact(list, 'Job', make('code', entry.job))
		if (!j)
			return
		fact(list, 'Asked after', plural(j.polls, 'time', 'times'))
		if (j.attributes.status === 'complete')
			fact(list, 'Done', number(j.attributes.completed_count) + ' of ' +
				number(j.attributes.total_count))
	}

	function facts (entry) {
		var list = make('dl.facts'), p = person(entry), button

		if (p) {
			button = make('button.link', p.who || p.id)
			button.onclick = function () { choose('person', p.id) }
			fact(list, 'Person', button)
		} else {
			fact(list, 'Person', entry.who)
		}
		fact(list, 'Request', entry.method + ' ' + entry.path + ' → ' +
			(entry.status || 'no answer'))
		fact(list, entry.channels ? 'Channels' : entry.job ? 'Job is' : 'Value',
			value(entry))
		if (entry.time)
			fact(list, 'Time', entry.time.replace('.000Z', 'Z') +
				(entry.backfill ? ' (backfill)' : ''))
		if (entry.was !== undefined)
			fact(list, 'Took in', make('code', entry.source))
		else
			fact(list, 'Source', entry.source)
		if (entry.list)
			fact(list, 'List', make('code', entry.list))
		if (entry.variant)
			fact(list, 'Variant', make('code', article(entry.variant)))
		if (entry.job)
			jobFacts(list, entry)
		else if (entry.kind === 'event' && givenId(entry))
			fact(list, 'unique_id', make('code', givenId(entry)))
		else if (entry.unique_id)
			fact(list, 'unique_id', 'none: the second it arrived, ' +
				entry.unique_id + ', stands in')
		fact(list, 'Fault', entry.fault)
		return list
	}

	function request (entry) {
		var text = entry.method + ' ' + entry.path + '\n', body

		Object.keys(entry.headers || {}).forEach(function (name) {
			text += name + ': ' + entry.headers[name] + '\n'
		})
		if (entry.body !== undefined) {
			try {
				body = JSON.stringify(JSON.parse(entry.body), null, 2)
			} catch (e) {
				body = entry.body
			}
		} else if (entry.attributes && /event(s|s\/)(\?|$)/.test(entry.path)) {
			body = JSON.stringify({ data: { type: 'event',
				attributes: Object.assign({}, entry.attributes,
					{ profile: { data: entry.profile } }) } }, null, 2)
		} else {
			body = JSON.stringify(entry.attributes ? { event:
				entry.attributes, profile: entry.profile } :
				{ data: entry.profile }, null, 2)
		}
		return text + '\n' + body
	}

	function section (box, name, content) {
		box.append(make('h3', name), content)
	}

	function errors (entry) {
		return make.apply(null, ['ul.errors'].concat(
			entry.errors.map(function (e) {
				var li = make('li', e.status + ' ' + e.title + ' ')

				if (e.source && e.source.pointer)
					li.append(make('code', e.source.pointer), ' ')
				li.append(e.detail)
				return li
			})))
	}

	function detail (entry) {
		var box = make('div.detail'), raw = make('details')

		box.append(facts(entry))
		if (entry.errors && entry.errors.length)
			section(box, 'Refused because', errors(entry))
		if (entry.job && job(entry) && job(entry).attributes.errors.length)
			section(box, 'What failed', errors(job(entry).attributes))
		if (entry.remarks && entry.remarks.length)
			section(box, 'Remarks', make.apply(null, ['ul.remarks'].concat(
				entry.remarks.map(function (r) {
					return make('li', r)
				}))))
		if (entry.attributes)
			section(box, 'Properties', pretty(entry.attributes.properties))
		else if (entry.profile)
			section(box, 'Profile', pretty(entry.profile.attributes))
		raw.append(make('summary', 'Request as received'))
		raw.addEventListener('toggle', function () {
			if (raw.open && raw.children.length === 1)
				raw.append(pretty(request(entry)))
		})
		box.append(raw)
		return box
	}

	function row (entry) {
		var li = make('li.' + entry.outcome), b = make('button.row')
		var state = make('span.state', make('span.badge',
			entry.outcome === 'back_in_stock' ? 'stock' : entry.outcome))
		var name = who(entry)

		if (entry.remarks && entry.remarks.length) {
			var notes = make('span.notes', String(entry.remarks.length))

			notes.title = plural(entry.remarks.length, 'remark', 'remarks')
			state.append(notes)
		}
		b.append(make('span.at', clock(entry.received)), state,
			make('span.what', title(entry)),
			make('span.value', value(entry)),
			make(name ? 'span.who' : 'span.who.none', name ||
				(entry.job ? '' : 'unknown')),
			make('span.uid', givenId(entry)),
			make('span.side', entry.side))
		if (reason(entry))
			b.append(make('span.why', reason(entry)))
		b.setAttribute('aria-expanded', open.has(entry.n))
		b.dataset.n = entry.n
		b.onclick = function () { toggle(entry, li, b) }
		li.append(b)
		if (open.has(entry.n)) {
			li.classList.add('open')
			li.append(detail(entry))
		}
		if (fresh.has(entry.n))
			li.classList.add('new')
		return li
	}

	function toggle (entry, li, button) {
		if (open.has(entry.n)) {
			open.delete(entry.n)
			li.lastChild.remove()
		} else {
			open.add(entry.n)
			li.append(detail(entry))
		}
		li.classList.toggle('open', open.has(entry.n))
		button.setAttribute('aria-expanded', open.has(entry.n))
	}

	/* Draws the list anew, keeping the focus and what is open. */
	function drawStream () {
		var list = $('stream'), n = 0, at = document.activeElement
		var focused = at && at.dataset ? at.dataset.n : null
		var rest = false, rows = []

		for (var i = entries.length - 1; i >= 0; i--) {
			if (!matches(entries[i]))
				continue
			if (n === more) {
				rest = true
				break
			}
			rows.push(row(entries[i]))
			n++
		}
		if (rest) {
			var b = make('button.row', make('span.what', 'Show more'))

			b.onclick = function () { more += SHOWN; drawStream() }
			rows.push(make('li', b))
		}
		list.replaceChildren.apply(list, rows)
		fresh.clear()
		if (focused && (at = list.querySelector('[data-n="' + focused + '"]')))
			at.focus({ preventScroll: true })
		$('empty').hidden = entries.length > 0
		$('nomatch').hidden = n > 0 || !entries.length
		document.querySelector('.keys').hidden = !entries.length
		document.querySelector('.bar').hidden = !entries.length
		document.querySelector('aside').hidden = !entries.length
		document.body.classList.toggle('none', !entries.length)
	}

	/* What stands beside it */

	function pickList (list, name, items) {
		list.replaceChildren.apply(list, items.map(function (item) {
			var b = make('button', make('span.name', item.label),
				make('span.n', number(item.n)))

			b.title = item.label
			b.setAttribute('aria-pressed', pick[name] === item.key)
			b.onclick = function () {
				choose(name, pick[name] === item.key ? '' : item.key)
			}
			return make('li', b)
		}))
	}

	function drawAside () {
		var people = profiles.slice(-200).reverse().map(function (p) {
			return { key: p.id, n: p.events, label: p.who ||
				'Browser ' + p.id.slice(-6) }
		})

		if (!status)
			return
		pickList($('people'), 'person', people)
		pickList($('metrics'), 'metric', status.metrics.map(function (m) {
			return { key: m.name, label: m.name, n: OUTCOMES.reduce(
				function (sum, o) { return sum + m[o] }, 0) }
		}))
		$('people-count').textContent = number(profiles.length)
		$('metrics-count').textContent = number(status.metrics.length)
		$('outcomes').replaceChildren.apply($('outcomes'), OUTCOMES.filter(
			function (o) { return status.counts[o] || pick.outcome === o }
		).map(function (o) {
			var b = make('button', words(o), make('b', number(status.counts[o])))

			b.setAttribute('aria-pressed', pick.outcome === o)
			b.onclick = function () {
				choose('outcome', pick.outcome === o ? '' : o)
			}
			return b
		}))
		drawProfile()
	}

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
		fact(list, 'Waits for', stock.filter(function (w) {
			return w.person === p.id
		}).map(function (w) { return article(w.variant) }).join(', '))
	}

	function drawProfile () {
		var box = $('profile'), p = profiles.find(function (q) {
			return q.id === pick.person
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
		close.onclick = function () { choose('person', '') }
		box.replaceChildren(make('h2', p.who || 'Unknown visitor'),
			make('p.quiet', plural(p.events, 'event', 'events') + ' · ',
				close), list)
		if (Object.keys(a).length)
			section(box, 'Attributes', pretty(a))
	}

	/* Guide check */

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
		$('guide').replaceChildren.apply($('guide'), status.guide.map(
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
		var used = status.windows.filter(function (w) {
			return w.steady.used
		})
		var rest = status.windows.filter(function (w) {
			return !w.steady.used
		})

		$('windows').replaceChildren.apply($('windows'), used.map(windowCard))
		$('rest-count').textContent = used.length ?
			'The other ' + number(rest.length) : 'All ' + number(rest.length)
		$('rest').replaceChildren.apply($('rest'), rest.map(windowCard))
		if (document.activeElement !== $('fault-spec'))
			$('fault-spec').value = status.fault
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

	/* Asking for news */

	var drawing = false, dirty = true

	function draw () {
		if (drawing)
			return
		drawing = true
		requestAnimationFrame(function () {
			drawing = false
			if (!paused)
				drawStream()
			drawAside()
			if (status && !$('view-guide').hidden)
				drawGuide()
			if (status && !$('view-catalog').hidden)
				window.drawCatalog(status.catalog, stock, {
					make: make, number: number, plural: plural,
					article: article, words: words })
			if (status && !$('view-limits').hidden)
				drawLimits()
			showLive('on')
		})
	}

	function showLive (state) {
		var live = $('live')

		if (paused && state === 'on')
			state = 'held'
		live.className = 'live ' + state
		live.textContent = state === 'lost' ? 'not reachable' :
			state === 'held' ? 'paused' + (missed ? ', ' +
			number(missed) + ' new' : '') : 'live'
	}

	function begin (answer) {
		if (epoch && epoch !== answer.epoch) {
			entries = []
			open.clear()
			pick.person = pick.metric = pick.outcome = ''
			missed = 0
		}
		epoch = answer.epoch
	}

	function surroundings () {
		return Promise.all([json('/sandbox/status'),
			json('/sandbox/profiles'), json('/sandbox/stock')
		]).then(function (all) {
			status = all[0]
			profiles = all[1].profiles
			stock = all[2].back_in_stock
			begin(status)
		})
	}

	function take (answer) {
		var first = !epoch

		/* Another process: its numbers begin anew. */
		if (epoch && epoch.split('.')[0] !== answer.epoch.split('.')[0]) {
			begin(answer)
			after = 0
			dirty = true
			return
		}
		begin(answer)
		answer.events.forEach(function (e) {
			entries.push(e)
			after = e.n
			if (!first && !paused)
				fresh.add(e.n)
		})
		if (paused)
			missed += answer.events.length
		if (entries.length > KEPT)
			entries = entries.slice(-KEPT)
		/* Far behind: what the page would not keep need not be read. */
		if (answer.last - after > KEPT)
			after = answer.last - KEPT
		dirty = answer.events.length > 0
	}

	async function follow () {
		for (;;) {
			try {
				take(await json('/sandbox/events?after=' + after +
					'&wait=' + (entries.length || epoch ? 2000 : 1) +
					'&max=500'))
				await surroundings()
				draw()
				await new Promise(function (done) {
					setTimeout(done, dirty ? 150 : 0)
				})
			} catch (e) {
				showLive('lost')
				await new Promise(function (done) {
					setTimeout(done, 1000)
				})
			}
		}
	}

	/* What the keys and buttons do */

	function choose (name, key) {
		pick[name] = key
		more = SHOWN
		drawStream()
		drawAside()
	}

	function showAll () {
		pick = { person: '', metric: '', outcome: '', text: '' }
		$('filter').value = ''
		choose('text', '')
	}

	function setPaused (on) {
		paused = on
		missed = 0
		$('pause').setAttribute('aria-pressed', on)
		$('pause').textContent = on ? 'Resume' : 'Pause'
		showLive('on')
		if (!on)
			drawStream()
	}

	function tab (name) {
		VIEWS.forEach(function (other) {
			var on = other === name, t = $('tab-' + other)

			t.setAttribute('aria-selected', on)
			t.tabIndex = on ? 0 : -1
			$('view-' + other).hidden = !on
		})
		if (status)
			draw()
	}

	function move (by) {
		var rows = Array.from($('stream').querySelectorAll('.row'))
		var i = rows.indexOf(document.activeElement)

		i = i < 0 ? 0 : Math.max(0, Math.min(rows.length - 1, i + by))
		if (rows[i])
			rows[i].focus()
	}

	function key (event) {
		var typing = /^(INPUT|TEXTAREA)$/.test(event.target.tagName)
		var tabs = VIEWS
		var at = tabs.indexOf((event.target.id || '').replace('tab-', ''))

		if (event.ctrlKey || event.metaKey || event.altKey)
			return
		if (event.key === 'Escape') {
			showAll()
			event.target.blur()
		} else if (at >= 0 && /^Arrow(Left|Right)$/.test(event.key)) {
			at = (at + (event.key === 'ArrowLeft' ? tabs.length - 1 : 1)) %
				tabs.length
			tab(tabs[at])
			$('tab-' + tabs[at]).focus()
		} else if (typing) {
			if (event.key === 'ArrowDown' && event.target === $('filter'))
				move(0)
			return
		} else if (event.key === '/') {
			tab('stream')
			$('filter').focus()
		} else if (event.key === 'j' || event.key === 'ArrowDown') {
			if (event.key !== 'j' && !event.target.classList.contains('row'))
				return
			move(1)
		} else if (event.key === 'k' || event.key === 'ArrowUp') {
			if (event.key !== 'k' && !event.target.classList.contains('row'))
				return
			move(-1)
		} else if (event.key === 'p') {
			setPaused(!paused)
		} else {
			return
		}
		event.preventDefault()
	}

	function copy (button) {
		var text = $(button.dataset.copy).textContent

		navigator.clipboard.writeText(text).then(function () {
			button.textContent = 'Copied'
			setTimeout(function () { button.textContent = 'Copy' }, 1500)
		})
	}

	function hints () {
		var origin = location.origin

		$('hint-env').textContent = 'KLAVIYO_API_URL=' + origin +
			'\nKLAVIYO_ONSITE_URL=' + origin
		$('hint-curl').textContent = "curl " + origin + "/api/events \\\n" +
			"  -H 'Authorization: Klaviyo-API-Key pk_sandbox' \\\n" +
			"  -H 'revision: 2026-07-15' \\\n" +
			"  -H 'Content-Type: application/vnd.api+json' \\\n" +
			"  -d '" + JSON.stringify({ data: { type: 'event', attributes: {
				properties: { OrderId: '1234' }, value: 29.98,
				value_currency: 'USD', unique_id: '1234',
				metric: { data: { type: 'metric', attributes: {
					name: 'Placed Order' } } },
				profile: { data: { type: 'profile', attributes: {
					email: 'sarah.mason@klaviyo-demo.com' } } } } } }) + "'"
	}

	function start () {
		hints()
		document.addEventListener('keydown', key)
		$('filter').oninput = function () {
			choose('text', $('filter').value.trim().toLowerCase())
		}
		$('pause').onclick = function () { setPaused(!paused) }
		$('reset').onclick = showAll
		$('clear').onclick = function () {
			json('/sandbox/clear', { method: 'POST' }).then(function () {
				$('say').textContent = 'Cleared'
				setPaused(false)
				return surroundings()
			}).then(draw)
		};
		VIEWS.forEach(function (name) {
			$('tab-' + name).onclick = function () { tab(name) }
		})
		document.querySelectorAll('[data-copy]').forEach(function (b) {
			b.onclick = function () { copy(b) }
		})
		$('fault').onsubmit = function (event) {
			event.preventDefault()
			setFault($('fault-spec').value)
		}
		$('fault-presets').append.apply($('fault-presets'),
			PRESETS.map(function (spec) {
				var b = make('button', spec)

				b.type = 'button'
				b.onclick = function () { setFault(spec) }
				return b
			}))
		follow()
	}

	start()
})()
