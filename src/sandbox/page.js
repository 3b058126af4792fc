/*
 * page.js - the live page of klaviyo-sandbox.
 *
 * Waits for news of /sandbox/events and shows them; asks /sandbox/status,
 * /sandbox/profiles and /sandbox/stock for what surrounds them. What an entry is
 * in words is page_entry.js, the other views are page_views.js and
 * page_catalog.js, and what all share is page_kit.js.
 */
(function () {
	'use strict'

	var KEPT = 3000, SHOWN = 400
	var OUTCOMES = ['accepted', 'duplicate', 'dropped', 'refused', 'fault',
		'profile', 'consent', 'back_in_stock', 'catalog']
	var VIEWS = ['stream', 'guide', 'catalog', 'limits']
	var PRESETS = ['none', '5xx=0.1', '429/5*3', 'record+reset=0.1',
		'hang/20000=0.05', 'script:503,503,reset,ok', 'down/5000*1']

	var S = window.sandbox, $ = S.$
	var make = S.make, json = S.json, number = S.number, clock = S.clock,
		plural = S.plural, words = S.words, person = S.person, who = S.who,
		title = S.title, value = S.value, reason = S.reason,
		givenId = S.givenId, detail = S.detail, drawGuide = S.drawGuide,
		drawLimits = S.drawLimits, setFault = S.setFault
	var entries = []
	var after = 0, epoch = '', paused = false, missed = 0
	var pick = { person: '', metric: '', outcome: '', text: '' }
	var open = new Set(), more = SHOWN, fresh = new Set()

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
		var people = S.profiles.slice(-200).reverse().map(function (p) {
			return { key: p.id, n: p.events, label: p.who ||
				'Browser ' + p.id.slice(-6) }
		})

		if (!S.status)
			return
		pickList($('people'), 'person', people)
		pickList($('metrics'), 'metric', S.status.metrics.map(function (m) {
			return { key: m.name, label: m.name, n: OUTCOMES.reduce(
				function (sum, o) { return sum + m[o] }, 0) }
		}))
		$('people-count').textContent = number(S.profiles.length)
		$('metrics-count').textContent = number(S.status.metrics.length)
		$('outcomes').replaceChildren.apply($('outcomes'), OUTCOMES.filter(
			function (o) { return S.status.counts[o] || pick.outcome === o }
		).map(function (o) {
			var b = make('button', words(o), make('b', number(S.status.counts[o])))

			b.setAttribute('aria-pressed', pick.outcome === o)
			b.onclick = function () {
				choose('outcome', pick.outcome === o ? '' : o)
			}
			return b
		}))
		S.drawProfile(pick.person)
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
			if (S.status && !$('view-guide').hidden)
				drawGuide()
			if (S.status && !$('view-catalog').hidden)
				S.drawCatalog()
			if (S.status && !$('view-limits').hidden)
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
			S.status = all[0]
			S.profiles = all[1].profiles
			S.stock = all[2].back_in_stock
			begin(S.status)
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
		if (S.status)
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

	S.choose = choose
	start()
})()
