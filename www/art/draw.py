#!/usr/bin/python3
"""Draws the demo shop's pictures: one per product, and the shop's own marks.

    draw.py [-s] [-o DIR] [NAME...]

Writes NAME.png for each product (all, if none is named) and hero.svg,
logo.svg, logo-dark.svg, mark.svg and og.png (for link previews) into DIR,
../htdocs/images unless told; favicon.svg goes beside that folder.  With -s
keeps the SVG of each product there too.  The output depends on nothing but
this file and the fonts (Liberation and DejaVu).
Needs rsvg-convert, and Pillow to reduce the colours.
"""
import io
import math
import os
import random
import subprocess
import sys

W, H = 800, 1000
INK, NIGHT, RUBRIC, CREAM = '#14293f', '#152238', '#cf3f27', '#f7f0e1'
BUTTER, HONEY, RUST, BLUSH = '#f2c75c', '#e2a133', '#b4532d', '#efcdc0'
MOSS, FERN, SAGE, TEAL = '#4f6b43', '#7c9a5b', '#b9c9a6', '#2b6a70'
SKY, DUCK, LILAC, PLUM = '#a8cbd8', '#d3e3de', '#cfcae2', '#553350'
SAND, BROWN, PINK, WHITE = '#e6d7b8', '#6b4528', '#e59a8c', '#fffdf8'
G_DUCK, G_SAND, G_LILAC, G_SKY = '#e3ece9', '#f2eadb', '#ebe7f0', '#e2ebf1'
G_BLUSH, G_LEAF, G_BUTTER = '#f5e5de', '#eaefdf', '#f6eed2'
SERIF = "'Liberation Serif'"
SANS = "'Liberation Sans'"
NARROW = "'Liberation Sans Narrow'"
SLAB = "'DejaVu Serif Condensed','DejaVu Serif'"
MONO = "'Liberation Mono'"


# --- a small vocabulary --------------------------------------------------

def n(v):
    return ('%.1f' % v).rstrip('0').rstrip('.') if isinstance(v, float) \
        else str(v)


def tag(name, attrs, **more):
    attrs.update(more)
    return '<%s%s/>' % (name, ''.join(
        ' %s="%s"' % (k.rstrip('_').replace('_', '-'), n(v))
        for k, v in attrs.items()))


def R(x, y, w, h, f, **k):
    return tag('rect', dict(x=x, y=y, width=w, height=h, fill=f), **k)


def C(x, y, r, f, **k):
    return tag('circle', dict(cx=x, cy=y, r=r, fill=f), **k)


def E(x, y, rx, ry, f, **k):
    return tag('ellipse', dict(cx=x, cy=y, rx=rx, ry=ry, fill=f), **k)


def P(d, f, **k):
    return tag('path', dict(d=d, fill=f), **k)


def L(d, s, w=4, **k):
    k.setdefault('stroke_linecap', 'round')
    return tag('path', dict(d=d, fill='none', stroke=s, stroke_width=w,
                            stroke_linejoin='round'), **k)


def ring(x, y, r, s, w=4, **k):
    return tag('circle', dict(cx=x, cy=y, r=r, fill='none', stroke=s,
                              stroke_width=w), **k)


def poly(points, f, **k):
    return tag('polygon', dict(
        points=' '.join('%s,%s' % (n(float(x)), n(float(y)))
                        for x, y in points), fill=f), **k)


def T(x, y, s, size, f, font=SERIF, anchor='middle', spacing=0, bold=False,
      italic=False, **k):
    k = ''.join(' %s="%s"' % (a.replace('_', '-'), b) for a, b in k.items())
    s = s.replace('&', '&amp;')
    return ('<text x="%s" y="%s" font-family="%s" font-size="%s" fill="%s" '
            'text-anchor="%s" letter-spacing="%s"%s%s%s>%s</text>' % (
                n(x), n(y), font, size, f, anchor, spacing,
                ' font-weight="bold"' if bold else '',
                ' font-style="italic"' if italic else '', k, s))


def G(inner, t='', **k):
    k = ''.join(' %s="%s"' % (a.rstrip('_').replace('_', '-'), b)
                for a, b in k.items())
    return '<g%s%s>%s</g>' % (' transform="%s"' % t if t else '', k,
                              inner if isinstance(inner, str)
                              else ''.join(inner))


def box(x, y, w, h, vw, vh, inner):
    return ('<svg x="%s" y="%s" width="%s" height="%s" viewBox="0 0 %s %s" '
            'preserveAspectRatio="none">%s</svg>' % (
                x, y, w, h, vw, vh, ''.join(inner)))


def mix(a, b, t):
    pa, pb = (tuple(int(c[i:i + 2], 16) for i in (1, 3, 5)) for c in (a, b))
    return '#%02x%02x%02x' % tuple(
        round(x + (y - x) * t) for x, y in zip(pa, pb))


def wave(y, amp, length, w, shift=0.0, floor=None):
    """A row of arches from x=0 to w, closed at floor if that is given."""
    x, d, up = -length + shift, '', True
    d = 'M%s %s' % (n(x), n(float(y)))
    while x < w + length:
        d += 'q%s %s %s 0' % (n(length / 4.0), n(-amp if up else amp),
                              n(length / 2.0))
        x += length / 2.0
        up = not up
    return d if floor is None else d + 'L%s %sL%s %sZ' % (
        n(x), floor, -length, floor)


# --- settings: a book lying on a table, an object on a ground, a print ---

def book(ground, cover, inner, hinge=None, thick=14):
    """The front of a book, 520 x 780 inside, with pages and a shadow."""
    shade = mix(ground, INK, .13)
    x, y, w, h = 140, 108, 520, 780
    hinge = hinge or mix(cover, '#000000', .22)
    return ''.join([
        R(0, 0, W, H, ground),
        poly([(x, y + 24), (x + w, y), (x + w + 46, y + 46),
              (x + w + 46, y + h + 46), (x + 46, y + h + 46),
              (x, y + h)], shade),
        R(x + 4, y + 6, w + thick, h + thick - 2, mix(cover, '#000000', .3),
          rx=5),
        R(x + 4, y + 6, w + thick - 5, h + thick - 7, '#f6f0e0'),
        L('M%d %dv%dM%d %dv%d' % (x + w + 3, y + 8, h, x + w + 6, y + 8, h),
          '#ddd3bb', 1),
        L('M%d %dh%dM%d %dh%d' % (x + 8, y + h + 3, w, x + 8, y + h + 6, w),
          '#ddd3bb', 1),
        box(x, y, w, h, 520, 780, [R(0, 0, 520, 780, cover)] + list(inner)),
        R(x, y, 9, h, hinge, opacity=.35),
        L('M%d %dv%d' % (x + 24, y, h), '#000', 3, opacity=.16),
        L('M%d %dv%d' % (x + 27, y, h), '#fff', 2, opacity=.18),
    ])


def sheet(ground, inner, w=540, h=720):
    """An art print, pinned to the wall by two clips on a string."""
    x, y = (W - w) / 2.0, 150
    return ''.join([
        R(0, 0, W, H, ground),
        L('M0 92Q400 132 800 92', mix(ground, INK, .5), 3),
        R(x + 16, y + 20, w, h, mix(ground, INK, .14)),
        R(x, y, w, h, WHITE),
        box(x + 38, y + 38, w - 76, h - 100, 464, 620, inner),
        R(x + 90, 96, 22, 74, BROWN, rx=3), R(x + 97, 96, 4, 74, RUST),
        R(x + w - 112, 96, 22, 74, BROWN, rx=3),
        R(x + w - 105, 96, 4, 74, RUST),
        L('M%d %dh120' % (x + 40, y + h - 30), '#b9b2a4', 2),
        L('M%d %dh60' % (x + w - 102, y + h - 30), '#b9b2a4', 2),
    ])


def stage(ground, inner, floor=None, level=760):
    """An object standing on a table."""
    return ''.join([R(0, 0, W, H, ground),
                    R(0, level, W, H - level, floor or mix(ground, INK, .08))]
                   + list(inner))


def flat(ground, inner):
    return R(0, 0, W, H, ground) + ''.join(inner)


# --- motifs ---------------------------------------------------------------

# The crow is a pilcrow: its bowl is the head, its two stems are the legs.
def crow(x, y, s, f=INK, eye=WHITE):
    return G([P('M104 0H46C20 0 0 19 0 45c0 4 .5 8 1.6 11.500L-34 61'
                'c12 10 27 16.500 45 17 8 8 19 12.500 33 12.500V168H60V18h16'
                'v150h16V18h12z', f),
              C(30, 39, 7, eye)], 'translate(%s %s) scale(%s)' % (x, y, s))


def cloud(x, y, s, f):
    return G(P('M-60 20c-30 0-34-38-4-42 4-34 52-40 64-10 22-14 46 2 44 22 '
               '26 2 24 30 0 30z', f),
             'translate(%s %s) scale(%s)' % (x, y, s))


def bee(x, y, s=1.0, t=0):
    return G([E(-3, -11, 8, 12, WHITE, opacity=.9, transform='rotate(-25 -3 -11)'),
              E(8, -11, 8, 12, WHITE, opacity=.9, transform='rotate(25 8 -11)'),
              E(0, 0, 17, 11, BUTTER), R(-6, -10, 6, 20, INK),
              R(5, -9, 5, 18, INK), C(-15, -1, 7, INK)],
             'translate(%s %s) rotate(%s) scale(%s)' % (x, y, t, s))


def tree(x, y, s, crown, trunk=BROWN):
    return G([P('M-13 0L-8-150H8L13 0z', trunk),
              E(0, -215, 92, 112, crown),
              E(-26, -235, 52, 70, mix(crown, '#ffffff', .12)),
              L('M0-120V-230M0-160L-34-200M0-180L32-216', trunk, 5)],
             'translate(%s %s) scale(%s)' % (x, y, s))


def gull(x, y, s, f):
    return L('M%s %sq%s %s %s 0q%s %s %s 0' % (
        n(float(x)), n(float(y)), n(9.0 * s), n(-9.0 * s), n(18.0 * s),
        n(9.0 * s), n(-9.0 * s), n(18.0 * s)), f, 3.5 * s)


def finch(x, y, s, f, beak, size, flip=1):
    return G([P('M-46 26C-30 2-18-18 4-24c18-4 34 4 38 18 2 22-16 42-44 42'
                '-16 0-24-2-44-10z', f),
              P('M-2 6c-18 2-34 10-52 32 26-2 50-8 60-22z',
                mix(f, INK, .35)),
              poly([(36, -16), (42 + 14 * size, -6 + 2 * size),
                    (38, 2 + 3 * size)], beak),
              C(26, -10, 3.500, INK),
              L('M-4 36v14M8 35v14', INK, 3)],
             'translate(%s %s) scale(%s %s)' % (x, y, s * flip, s))


def rose(x, y, s, f):
    d = mix(f, INK, .3)
    return G([C(0, 0, 30, f), L('M-20 8C-22-18 14-26 18-2 20 16-10 20-10 2'
                                '-10-10 8-10 8 0', d, 4)],
             'translate(%s %s) scale(%s)' % (x, y, s))


def leaf(x, y, s, t, f):
    return G(P('M0 0C14-18 14-40 0-60C-14-40-14-18 0 0z', f),
             'translate(%s %s) rotate(%s) scale(%s)' % (n(float(x)),
                                                        n(float(y)),
                                                        n(float(t)), s))


PICTURES = {}


def picture(name):
    def keep(f):
        PICTURES[name] = f
        return f
    return keep


# --- children -------------------------------------------------------------

@picture('winnie-the-pooh')
def _():
    a = [R(0, 0, 520, 780, '#f6dc9a'), C(392, 262, 82, '#fbeecb')]
    a += [P('M0 540Q130 470 280 520T520 480V780H0z', FERN),
          P('M0 610Q200 540 520 620V780H0z', MOSS)]
    a += [tree(70, 600, 1.35, '#6d8a4c'), tree(462, 585, 1.1, '#587543')]
    # the tall tree, with a bough that carries the hive
    a += [P('M196 690C210 560 204 400 214 236H262C262 400 268 560 288 690z',
            BROWN),
          L('M250 320C310 300 350 306 394 296', BROWN, 17),
          E(236, 196, 168, 98, '#47633b'), E(180, 172, 92, 60, '#57764a'),
          E(318, 184, 70, 44, '#57764a')]
    a += [L('M352 300V334', '#8c5f2a', 5)]
    for i, w in enumerate((26, 42, 50, 50, 42, 28)):
        a.append(R(352 - w, 330 + i * 19, w * 2, 21, HONEY, rx=10))
        a.append(L('M%d %dH%d' % (352 - w + 8, 350 + i * 19, 352 + w - 8),
                   '#bd7d20', 2.5))
    a.append(E(352, 416, 13, 11, '#5a3512'))
    # the bear, from behind, on tiptoe on a pile of books
    bear, dark = '#c98a35', '#a56c24'
    a += [R(270, 668, 166, 24, RUBRIC), R(286, 646, 140, 22, TEAL),
          R(278, 692, 170, 26, CREAM), R(270, 668, 18, 24, '#a92f1b'),
          R(286, 646, 16, 22, '#1d5156')]
    a += [L('M330 530C322 500 326 470 336 442', bear, 32),
          L('M392 530C402 560 410 572 416 590', bear, 30),
          E(360, 580, 60, 64, bear), E(336, 634, 24, 16, dark),
          E(386, 634, 24, 16, dark), C(378, 592, 15, '#e5bd78'),
          C(338, 478, 19, dark), C(394, 478, 19, dark),
          C(366, 502, 46, bear)]
    for x, y, t in ((430, 360, 20), (446, 410, -30), (290, 372, 190),
                    (468, 318, 0), (276, 446, 160)):
        a.append(bee(x, y, .8, t))
    a += [L('M420 346c18-26 34-22 44-32', CREAM, 2.5, stroke_dasharray='2 8')]
    a += [R(0, 716, 520, 64, '#3a5331'),
          T(260, 757, 'A. A. MILNE', 24, CREAM, SLAB, spacing=7)]
    a += [T(266, 66, 'Winnie the Pooh', 51, INK, SLAB, bold=True)]
    return book(G_BUTTER, '#f6dc9a', a, '#a56c24')


@picture('alices-adventures-in-wonderland')
def _():
    a = [R(0, 0, 520, 780, '#274a63')]
    for i, r in enumerate((430, 350, 270, 195, 125)):
        a.append(E(260, 420, r * .82, r, mix('#274a63', '#0e1b2c',
                                            (i + 1) / 5.0)))
    rnd = random.Random(3)

    def card(x, y, t, suit, s=1.0):
        pip = {'h': P('M0 14C-22-2-16-20-6-20c4 0 6 4 6 7 0-3 2-7 6-7 '
                      '10 0 16 18-6 34z', RUBRIC),
               'd': poly([(0, -20), (14, 0), (0, 20), (-14, 0)], RUBRIC),
               's': P('M0-20C-22-4-16 12-6 12c3 0 5-2 6-5v13h0V7'
                      'c1 3 3 5 6 5 10 0 16-16-6-32z', INK),
               'c': C(-9, 3, 9, INK) + C(9, 3, 9, INK) + C(0, -10, 9, INK)
               + R(-2, 0, 4, 20, INK)}[suit]
        return G([R(-42, -60, 84, 120, WHITE, rx=8), pip,
                  G(pip, 'translate(-28 -42) scale(.4)'),
                  G(pip, 'translate(28 42) scale(.4)')],
                 'translate(%d %d) rotate(%d) scale(%s)' % (x, y, t, s))

    def cup(x, y, t, f, s=1.0):
        return G([P('M-38-20H38C36 14 22 30 0 30S-36 14-38-20z', f),
                  ring(40, -4, 14, f, 7), E(0, -20, 38, 9, '#7a4a24'),
                  E(0, 40, 46, 8, f), L('M-24 2C-8 8 8 8 24 2', WHITE, 4)],
                 'translate(%d %d) rotate(%d) scale(%s)' % (x, y, t, s))
    a += [card(98, 250, -24, 'h'), card(430, 560, 18, 's'),
          card(92, 600, 14, 'd', .9), card(436, 232, 30, 'c', .8),
          cup(420, 390, -18, PINK), cup(104, 424, 24, '#8cc0bd', .9),
          cup(300, 655, -8, BUTTER, .8)]
    # a girl, falling upright, her skirt as a parachute
    hair, skin, dress = '#e8b64b', '#f3cdb0', '#cfe6ee'
    a += [L('M244 520l-10 66M282 520l14 60', skin, 15),
          L('M234 586l-14 6M296 580l16-2', INK, 14),
          P('M232 404C200 450 176 496 168 528Q262 560 356 524C344 486 316 '
            '444 290 404z', dress),
          P('M240 432C226 470 218 500 214 538Q262 548 312 536C306 500 296 '
            '468 286 432z', WHITE),
          R(232, 372, 58, 40, dress, rx=12),
          L('M238 384C206 372 188 352 176 322', skin, 14),
          L('M286 384C316 366 332 346 342 318', skin, 14),
          P('M222 330C206 280 208 236 262 236S322 278 308 332C318 300 332 '
            '270 322 226 306 196 216 194 202 232 196 276 208 300 222 330z',
            hair),
          C(262, 314, 46, skin),
          P('M214 312C214 268 236 258 262 258S312 270 312 312C294 300 276 '
            '288 262 276 246 290 230 302 214 312z', hair),
          R(214, 266, 96, 13, INK, rx=6),
          C(246, 322, 4.5, INK), C(280, 322, 4.5, INK),
          E(263, 342, 6, 8, RUBRIC)]
    for _i in range(26):
        a.append(C(rnd.randint(20, 500), rnd.randint(190, 700),
                   rnd.choice((2, 2, 3)), CREAM, opacity=.7))
    a += [R(0, 0, 520, 150, RUBRIC),
          T(260, 66, 'Alice’s Adventures', 45, CREAM, SERIF, italic=True),
          T(260, 118, 'IN WONDERLAND', 36, CREAM, SERIF, spacing=5),
          T(260, 748, 'LEWIS CARROLL', 23, CREAM, SERIF, spacing=8)]
    return book(G_BLUSH, RUBRIC, a)


@picture('the-wind-in-the-willows')
def _():
    a = [R(0, 0, 520, 780, '#dbe6b9'), C(380, 240, 70, '#f9efc4'),
         P('M0 420Q160 350 320 390T520 360V520H0z', '#a9bf7e'),
         P('M0 460Q200 420 520 450V560H0z', '#88a561'),
         R(0, 510, 520, 270, '#3f7f77')]
    for i, y in enumerate(range(540, 780, 30)):
        a.append(L(wave(y, 7, 90, 520, i * 37.0 % 90), '#5d9c90', 4))
    # the boat, two friends, a hamper
    a += [P('M130 560H396C380 606 350 624 300 624H214C168 624 144 602 130 '
            '560z', RUBRIC), R(124, 552, 278, 14, '#8f2716', rx=6),
          L('M260 556L420 640', '#d7b075', 8), E(428, 646, 26, 9, '#d7b075',
                                                 transform='rotate(28 428 646)'),
          R(318, 520, 56, 36, '#d7a75c', rx=4),
          L('M318 534h56M346 520v36', '#9c7232', 3),
          # rat, with a straw hat
          E(200, 522, 28, 40, '#4e6a86'), C(200, 470, 26, '#8d7a68'),
          P('M222 468l26 12-26 10z', '#8d7a68'), C(248, 480, 4, INK),
          C(212, 466, 3.5, INK), E(200, 448, 40, 8, BUTTER),
          R(180, 428, 40, 20, BUTTER, rx=6), R(180, 440, 40, 6, RUBRIC),
          L('M210 512L262 554', '#4e6a86', 13),
          # mole
          E(288, 528, 28, 34, '#3b3a44'), C(288, 484, 26, '#2b2a33'),
          P('M266 486l-26 12 26 8z', '#d99a8b'), C(278, 480, 3, WHITE)]
    a += [P('M150 640q60 14 120 8t130 2', 'none', stroke='#2f655f',
            stroke_width=5, stroke_linecap='round')]
    # willow
    a += [P('M430 780C440 640 420 400 470 200H520V780z', '#5b4630'),
          L('M470 210C420 170 300 150 200 190', '#5b4630', 14),
          L('M470 260C440 230 400 214 340 214', '#5b4630', 9)]
    rnd = random.Random(11)
    for i in range(26):
        x = 20 + i * 20
        top = 176 + abs(x - 300) * .10 + rnd.randint(-8, 8)
        ln = rnd.randint(110, 250) if x < 430 else rnd.randint(60, 200)
        c = rnd.choice(('#5f8142', '#769a4f', '#8bab5d'))
        a.append(L('M%d %dq%d %d %d %d' % (x, top, rnd.randint(-16, 6),
                                            ln / 2, rnd.randint(-14, 14),
                                            ln), c, 4))
        for j in range(4, ln // 13):
            a.append(leaf(x - 4 + j * .2, top + j * 13, .36,
                          150 if j % 2 else 210, c))
    a += [R(0, 0, 520, 160, '#2f4a2a'),
          T(260, 62, 'The Wind in', 50, CREAM, SERIF),
          T(260, 122, 'the Willows', 58, '#dbe6b9', SERIF, italic=True),
          T(60, 748, 'KENNETH GRAHAME', 21, CREAM, SERIF, 'start',
            spacing=6)]
    return book(G_LEAF, '#2f4a2a', a)


@picture('the-secret-garden')
def _():
    a = [R(0, 0, 520, 780, '#b86a4c')]
    for r in range(0, 20):
        for c in range(-1, 8):
            a.append(R(c * 76 + (r % 2) * 38, r * 40 + 1, 72, 36,
                       mix('#b86a4c', '#8d4a35', ((r * 7 + c * 5) % 6) / 9.0)))
    a += [P('M140 700V360a120 130 0 0 1 240 0V700z', '#3c2a20'),
          P('M156 700V362a104 116 0 0 1 208 0V700z', '#f7e7a0'),
          P('M156 700V600Q260 560 364 610V700z', FERN),
          L('M220 610V520M206 560l14 20 16-26', MOSS, 6),
          C(220, 512, 20, RUBRIC), C(206, 552, 12, PINK), C(238, 548, 12,
                                                             PINK),
          P('M364 700V362c0-50-40-100-92-114V738z', '#2f6a5a'),
          L('M300 272V724M332 300V712', '#1f4a40', 4),
          C(290, 500, 9, BUTTER), R(286, 508, 8, 18, BUTTER)]
    rnd = random.Random(7)
    for i in range(330):
        t = rnd.random()
        if t < .42:
            x, y = rnd.gauss(70, 48), rnd.uniform(150, 790)
        elif t < .72:
            x, y = rnd.gauss(460, 40), rnd.uniform(150, 790)
        else:
            x = rnd.uniform(0, 520)
            y = 226 - 46 * math.sin(x / 520 * math.pi) + rnd.gauss(0, 30)
        a.append(leaf(x, y, rnd.uniform(.38, .66), rnd.uniform(90, 270),
                      rnd.choice((MOSS, '#3d5936', '#67854f', FERN))))
    a += [  # a robin
        E(414, 404, 27, 22, '#7a5a3c'), P('M436 392l32-14-22 30z', '#6b4b30'),
        E(402, 410, 17, 17, '#e0682f'), C(396, 388, 16, '#7a5a3c'),
        poly([(382, 386), (366, 391), (382, 395)], INK), C(392, 384, 3, INK)]
    a += [R(0, 0, 520, 168, '#24392c'), R(14, 14, 492, 140, 'none',
                                          stroke='#c9b06a', stroke_width=2),
          T(260, 74, 'The Secret', 54, CREAM, SERIF, italic=True),
          T(260, 130, 'GARDEN', 46, CREAM, SERIF, spacing=16),
          R(0, 716, 520, 64, '#24392c'),
          T(260, 757, 'FRANCES HODGSON BURNETT', 21, CREAM, SERIF,
            spacing=4)]
    return book(G_LEAF, '#24392c', a)


@picture('the-owl-who-read-by-day')
def _():
    a = [R(0, 0, 520, 780, '#f5b53f'), C(260, 250, 210, '#fbd77e')]
    for i in range(20):
        t = math.radians(i * 18)
        a.append(L('M%.0f %.0fL%.0f %.0f' % (
            260 + 228 * math.cos(t), 250 + 228 * math.sin(t),
            260 + (290 if i % 2 else 262) * math.cos(t),
            250 + (290 if i % 2 else 262) * math.sin(t)), '#fbd77e', 9))
    body, wing, face = '#6f4d7a', '#543760', '#e9d9e2'
    a += [P('M120 380C110 250 160 190 186 150c14 22 34 32 74 32s60-10 74-32'
            'c26 40 76 100 66 230 0 150-50 240-140 240S120 530 120 380z',
            body),
          E(260, 500, 96, 116, '#b394b8')]
    for r in range(5):
        for c in range(-2, 3):
            x = 260 + c * 36 + (r % 2) * 18 - 9
            if (x - 260) ** 2 / 8800. + (430 + r * 34 - 500) ** 2 / 13000. < .8:
                a.append(L('M%d %dq10 14 20 0' % (x - 10, 430 + r * 34),
                           body, 5))
    a += [C(202, 300, 74, face), C(318, 300, 74, face),
          C(208, 306, 30, INK), C(312, 306, 30, INK), C(218, 296, 10, WHITE),
          C(322, 296, 10, WHITE),
          ring(202, 302, 64, RUBRIC, 11), ring(318, 302, 64, RUBRIC, 11),
          L('M262 292q-2-8-4 0', RUBRIC, 12),
          poly([(242, 346), (278, 346), (260, 386)], HONEY),
          P('M122 390C90 470 120 560 190 590L210 540C160 510 150 450 152 '
            '392z', wing),
          P('M398 390C430 470 400 560 330 590L310 540C360 510 370 450 368 '
            '392z', wing),
          poly([(110, 520), (260, 556), (260, 690), (110, 648)], TEAL),
          poly([(410, 520), (260, 556), (260, 690), (410, 648)], '#215459'),
          poly([(120, 512), (260, 548), (400, 512), (400, 522), (260, 560),
                (120, 522)], CREAM),
          L('M146 572l84 22M146 600l60 16M290 594l84-22M290 622l60-16',
            '#8cc0bd', 5)]
    a += [T(260, 74, 'The Owl Who', 56, '#4a2d54', SLAB, bold=True),
          T(260, 130, 'Read by Day', 56, '#4a2d54', SLAB, bold=True),
          R(0, 712, 520, 68, '#4a2d54'),
          T(260, 754, 'Ottilie Marsh', 26, '#fbd77e', SLAB, italic=True)]
    return book(G_LILAC, '#f5b53f', a)


@picture('a-fox-at-the-post-office')
def _():
    a = [R(0, 0, 520, 780, '#bcd9dc')]
    for r in range(4):          # pigeon holes
        for c in range(6):
            x, y = 18 + c * 82, 190 + r * 76
            a.append(R(x, y, 74, 66, '#a06a3e'))
            a.append(R(x + 5, y + 5, 64, 61, '#75492a'))
            k = (r * 5 + c * 3) % 5
            if k:
                a.append(G(R(0, 0, 44, 28, (CREAM, BLUSH, WHITE, BUTTER)
                             [k - 1]) + R(33, 4, 7, 8, RUBRIC),
                           'translate(%d %d) rotate(%d)' % (x + 15, y + 34,
                                                            -8 + 4 * k)))
    fox, dark = '#dd6b2c', '#b04f1b'
    a += [P('M118 610C120 510 180 470 260 470S400 510 402 610z', '#23415f'),
          P('M216 470L260 540 304 470z', WHITE), poly([(260, 500), (246, 516),
                                                       (260, 560), (274, 516)],
                                                      RUBRIC),
          C(260, 570, 6, BUTTER), C(260, 594, 6, BUTTER),
          poly([(150, 330), (148, 220), (226, 276)], fox),
          poly([(370, 330), (372, 220), (294, 276)], fox),
          poly([(164, 300), (162, 246), (204, 276)], INK),
          poly([(356, 300), (358, 246), (316, 276)], INK),
          P('M144 350C160 280 210 262 260 262S360 280 376 350C350 400 300 '
            '440 260 484 220 440 170 400 144 350z', fox),
          P('M144 350C180 346 220 372 260 440 300 372 340 346 376 350 350 '
            '400 300 440 260 484 220 440 170 400 144 350z', WHITE),
          E(260, 476, 17, 13, INK), C(212, 350, 11, INK), C(308, 350, 11,
                                                              INK),
          C(216, 346, 4, WHITE), C(312, 346, 4, WHITE),
          P('M176 284C180 232 220 214 260 214S340 232 344 284C290 264 230 '
            '264 176 284z', '#23415f'),
          P('M176 284C230 262 290 262 344 284L356 302C300 276 220 276 164 '
            '302z', '#152c44'), C(260, 242, 13, BUTTER)]
    a += [R(0, 600, 520, 180, '#a06a3e'), R(0, 600, 520, 16, '#c58a55'),
          G([R(0, 0, 130, 84, '#d8b078'), R(58, 0, 12, 84, RUBRIC),
             R(0, 36, 130, 12, RUBRIC)], 'translate(40 518)'),
          G([R(0, 0, 96, 60, '#e6c792'), L('M48 0v60M0 30h96', TEAL, 5)],
            'translate(62 460)'),
          G([R(0, 0, 110, 70, CREAM), L('M0 0l55 40 55-40', '#c9bda0', 4)],
            'translate(372 530) rotate(-5)'),
          G([R(0, 0, 100, 20, RUBRIC), R(36, -28, 26, 28, BROWN),
             C(49, -34, 17, BROWN)], 'translate(360 600) scale(.7)'),
          R(0, 0, 520, 160, '#23415f'),
          T(260, 70, 'A Fox at the', 50, CREAM, SLAB, bold=True),
          T(260, 130, 'Post Office', 60, '#f08b4a', SLAB, bold=True)]
    a += [T(260, 712, 'Ida Penhallow', 28, CREAM, SLAB, italic=True)]
    return book(G_SKY, '#23415f', a)


# --- classics and novels --------------------------------------------------

def london(f, lit):
    a = []
    for x, w, h in ((0, 60, 70), (56, 40, 110), (92, 52, 86), (330, 50, 96),
                    (376, 44, 128), (416, 60, 84), (470, 50, 112)):
        a += [R(x, 300 - h, w, h + 4, f),
              poly([(x, 300 - h), (x + w / 2., 282 - h), (x + w, 300 - h)],
                   f)]
    a += [R(386, 136, 8, 46, f), R(70, 168, 8, 30, f), R(430, 190, 10, 30, f)]
    # a dome on its drum, and two west towers
    a += [R(168, 190, 150, 112, f), R(192, 158, 102, 40, f),
          P('M196 160C196 104 220 84 243 80C266 84 290 104 290 160z', f),
          R(236, 54, 14, 30, f), C(243, 50, 8, f), R(241, 26, 4, 24, f),
          R(232, 34, 22, 4, f),
          R(164, 158, 26, 60, f), poly([(164, 158), (177, 128), (190, 158)],
                                       f),
          R(296, 158, 26, 60, f), poly([(296, 158), (309, 128), (322, 158)],
                                       f)]
    a += [poly([(104, 214), (118, 96), (132, 214)], f), R(116, 80, 4, 30, f)]
    a += [L('M%d 196v-26' % x, lit, 4) for x in range(202, 292, 14)]
    for x, y in ((12, 252), (34, 252), (66, 226), (104, 246), (122, 246),
                 (342, 236), (360, 236), (388, 214), (388, 242), (404, 214),
                 (432, 250), (452, 250), (482, 220), (500, 246), (186, 240),
                 (210, 240), (276, 240), (300, 240)):
        a.append(R(x, y, 9, 14, lit))
    a.append(P('M230 302v-44a13 14 0 0 1 26 0v44z', lit))
    return G(a)


def paris(f, lit):
    a = []
    for x, w, h in ((0, 74, 96), (70, 66, 124), (330, 70, 112), (396, 62, 90),
                    (452, 70, 130)):
        a += [R(x, 300 - h, w, h + 4, f),
              poly([(x, 300 - h), (x + 9, 262 - h), (x + w - 9, 262 - h),
                    (x + w, 300 - h)], f),
              R(x + 14, 246 - h, 9, 22, f), R(x + w - 26, 250 - h, 9, 18, f)]
        for i in range(3):
            a.append(R(x + 12 + i * (w - 24) / 2.4, 314 - h, 9, 18, lit))
            a.append(R(x + 12 + i * (w - 24) / 2.4, 350 - h, 9, 18, lit))
    # two square towers, a rose, a spire
    a += [R(166, 108, 52, 194, f), R(258, 108, 52, 194, f),
          R(212, 186, 52, 116, f), poly([(228, 150), (238, 20), (248, 150)],
                                        f), R(226, 140, 24, 50, f),
          C(238, 212, 17, lit), C(238, 212, 6, f)]
    for x in (176, 196, 268, 288):
        a.append(P('M%d 168v-34a6 8 0 0 1 12 0v34z' % x, lit))
    for x in (180, 226, 272):
        a.append(P('M%d 302v-34a12 16 0 0 1 24 0v34z' % x, lit))
    return G(a)


@picture('a-tale-of-two-cities')
def _():
    navy, dawn = '#1d3a5c', '#e9806b'
    a = [R(0, 0, 520, 390, '#f3d9b5'), R(0, 390, 520, 390, '#22304f'),
         C(410, 118, 46, '#e9a04f'), C(104, 668, 40, '#f2e8cf'),
         C(122, 660, 36, '#22304f')]
    a += [G(london(navy, '#f6c766'), 'translate(0 14)'),
          G(paris(dawn, '#22304f'), 'translate(520 766) rotate(180)')]
    a += [R(0, 314, 520, 152, '#f8f1e2')]
    a += [L(wave(328, 6, 70, 520, 10.0), '#7ca3b4', 3.5),
          L(wave(452, 6, 70, 520, 45.0), '#7ca3b4', 3.5),
          T(260, 380, 'A Tale of', 41, navy, SERIF, italic=True),
          T(260, 432, 'TWO CITIES', 49, RUBRIC, SERIF, spacing=5, bold=True)]
    for x, y in ((40, 560), (330, 700), (440, 620), (486, 710), (250, 742),
                 (180, 600), (30, 740)):
        a.append(C(x, y, 2.5, '#f2e8cf'))
    a += [T(60, 44, 'CHARLES', 20, navy, SERIF, 'start', spacing=7),
          T(60, 70, 'DICKENS', 20, navy, SERIF, 'start', spacing=7)]
    return book(G_SKY, '#1d3a5c', a)


@picture('a-tale-of-two-cities-2')
def _():
    g = G_SKY
    a = [poly([(60, 330), (740, 330), (778, 372), (778, 800), (98, 800),
               (60, 760)], mix(g, INK, .13)),
         R(52, 292, 696, 474, '#1d3a5c', rx=8),
         P('M64 292C180 268 320 268 400 304V760C320 728 180 728 64 752z',
           '#fbf6e9'),
         P('M736 292C620 268 480 268 400 304V760C480 728 620 728 736 752z',
           '#f6efdd'),
         P('M400 304V760L378 746V296z', '#e4dac3'),
         L('M400 304V760', '#cbbfa3', 3)]
    a += [G(G(london('#1d3a5c', '#fbf6e9'), 'scale(.52)'),
            'translate(92 350)'),
          L('M100 512h256M120 526h216', '#1d3a5c', 3),
          T(232, 590, 'A TALE OF', 20, INK, SERIF, spacing=5),
          T(232, 622, 'TWO CITIES', 26, RUBRIC, SERIF, spacing=4),
          T(232, 676, 'London · Paris', 18, INK, SERIF, italic=True)]
    a += [T(572, 346, 'BOOK THE FIRST', 15, INK, SERIF, spacing=3),
          T(572, 380, 'The Period', 24, INK, SERIF, italic=True),
          T(452, 436, 'I', 58, RUBRIC, SERIF, 'start', bold=True)]
    lines = ['t was the best of times, it was the',
             'worst of times, it was the age of']
    for i, s in enumerate(lines):
        a.append(T(476, 414 + i * 24, s, 15.5, INK, SERIF, 'start'))
    rest = ['wisdom, it was the age of foolishness,',
            'it was the epoch of belief, it was the',
            'epoch of incredulity, it was the season',
            'of Light, it was the season of Darkness,',
            'it was the spring of hope, it was the',
            'winter of despair, we had everything',
            'before us, we had nothing before us,',
            'we were all going direct to Heaven, we',
            'were all going direct the other way …']
    for i, s in enumerate(rest):
        a.append(T(452, 462 + i * 24, s, 15.5, INK, SERIF, 'start'))
    a += [T(572, 712, '1', 15, INK, SERIF),
          P('M410 300C420 420 404 560 418 700L410 850 426 836 438 852 440 '
            '700C430 560 436 420 424 300z', RUBRIC)]
    return flat(g, a)


@picture('moby-dick')
def _():
    a = [R(0, 0, 520, 780, '#e9dcc0'), C(404, 92, 44, RUBRIC),
         R(0, 196, 520, 584, '#173f4f')]
    for i in range(12):
        a.append(P(wave(200 + i * 50, 10, 130, 520, i * 53.0 % 130, 780),
                   mix('#215a69', '#0d2733', i / 11.0)))
    # the ship
    a += [P('M92 178H192L178 204H108z', INK), L('M118 178V104M148 178V90'
                                                'M174 178V112', INK, 4),
          P('M118 108q-30 24-2 34h2zM118 146q-34 16-2 28h2zM148 94q-30 24-2 '
            '38h2zM148 136q-32 18-2 34h2zM174 116q-24 16-2 26h2zM174 146q-26 '
            '12-2 26h2z', WHITE), L('M192 178l24-14', INK, 3)]
    # the whale rises to it from below
    a += [P('M72 412C60 330 120 282 216 286C350 292 444 392 440 520C438 598 '
            '396 642 404 712C374 690 352 690 318 716C330 664 318 638 350 '
            '570C340 606 290 640 228 612C150 576 84 502 72 412z', '#f4f1e6'),
          P('M72 412C110 450 160 470 220 472C190 486 140 478 96 480C84 460 '
            '76 440 72 412z', '#cfd6d0'),
          L('M84 424C130 462 180 470 224 468', '#173f4f', 5),
          C(236, 430, 7, INK), L('M224 414q12-8 24 0', '#173f4f', 4),
          P('M258 508C250 560 220 596 186 610C196 570 206 530 226 500z',
            '#dfe2d8'),
          L('M150 330l60 30M190 314l70 40M300 340l-30 50M330 380l-60 20',
            '#c5cdc7', 4), L('M262 300q-6-30-22-40M262 300q4-34 24-44',
                             '#f4f1e6', 6)]
    a += [T(476, 262, 'MOBY', 66, '#e9dcc0', NARROW, 'end', 4, True),
          T(60, 700, 'DICK', 66, '#e9dcc0', NARROW, 'start', 4, True),
          T(60, 744, 'or, The Whale · HERMAN MELVILLE', 19, '#e9dcc0',
            NARROW, 'start', 2)]
    return book(G_DUCK, '#173f4f', a)


def profile(f, hair):
    """A head in profile that looks to the right, about 150 x 190."""
    return G([P('M20 190C24 160 30 150 30 128C4 112-6 70 10 36C26 4 74-6 104 '
                '16C116 26 120 42 120 58C122 70 134 84 138 92C138 98 130 98 '
                '126 100C128 106 130 110 126 114C130 118 128 122 124 124C126 '
                '136 122 144 108 142C98 142 92 142 90 150C92 168 104 178 116 '
                '190z', f), P(hair, f)])


@picture('pride-and-prejudice')
def _():
    f = '#4b2236'
    a = [R(0, 0, 520, 780, '#f0cfc6')]
    for i in range(12):
        for j in range(18):
            a.append(C(20 + i * 44, 12 + j * 44, 2.5, '#e0b3a8'))
    a += [E(140, 350, 100, 134, '#fbeee6'), E(380, 350, 100, 134, '#fbeee6')]
    a += [G(profile(f, 'M28 22C0 4-26 22-20 50C-14 66 4 62 12 54zM112 20C124 '
                       '34 122 50 116 58C108 48 104 34 100 20z'),
            'translate(78 262) scale(.98)'),
          G(profile(f, 'M8 40C-2 10 40-20 90-4C118 2 130 22 122 40C112 26 '
                       '100 30 90 24z'),
            'translate(444 262) scale(-.98 .98)'),
          P('M20 190L-10 214H136L116 190z', f,
            transform='translate(78 262) scale(.98)'),
          P('M20 190L-10 214H140L122 176 96 190z', f,
            transform='translate(444 262) scale(-.98 .98)')]
    a += [tag('ellipse', dict(cx=x, cy=350, rx=100, ry=134, fill='none',
                              stroke='#4b2236', stroke_width=5))
          for x in (140, 380)]
    a += [L('M260 190V520', MOSS, 6)]
    for i, y in enumerate(range(200, 530, 44)):
        a += [leaf(260, y + 10, .55, 60, MOSS), leaf(260, y + 24, .55, -60,
                                                     FERN)]
        a.append(rose(260 + (-9 if i % 2 else 9), y, .62,
                      (RUBRIC, '#e2705f')[i % 2]))
    a += [T(260, 108, 'PRIDE', 82, f, SERIF, spacing=12),
          T(260, 156, 'and', 36, RUBRIC, SERIF, italic=True),
          T(260, 606, 'PREJUDICE', 60, f, SERIF, spacing=6),
          L('M160 650H360', RUBRIC, 2),
          T(260, 706, 'Jane Austen', 34, f, SERIF, italic=True)]
    return book(G_BLUSH, '#f0cfc6', a, f)


@picture('jane-eyre')
def _():
    a = [R(0, 0, 520, 780, '#2b2440'), C(396, 190, 60, '#d9cfe0'),
         C(374, 178, 56, '#2b2440')]
    rnd = random.Random(5)
    for _i in range(46):
        a.append(C(rnd.randint(10, 510), rnd.randint(20, 420),
                   rnd.choice((1.5, 2, 2.5)), '#d9cfe0', opacity=.7))
    a += [P('M0 520Q140 470 280 500T520 470V780H0z', '#3d3054'),
          R(90, 392, 340, 190, '#140f22'), R(66, 350, 70, 232, '#140f22'),
          R(384, 330, 80, 252, '#140f22'), R(226, 360, 76, 222, '#140f22')]
    for x, w, y in ((66, 70, 350), (384, 80, 330), (90, 340, 392),
                    (226, 76, 360)):
        for k in range(0, int(w), 20):
            a.append(R(x + k, y - 12, 11, 13, '#140f22'))
    a += [R(110, 330, 14, 30, '#140f22'), R(330, 352, 16, 34, '#140f22')]
    for x in (86, 148, 184, 244, 272, 322, 352, 402, 434):
        for y in (420, 470, 520):
            lit = (x, y) == (322, 420)
            a.append(P('M%d %dv-20a8 9 0 0 1 16 0v20z' % (x, y + 22),
                       BUTTER if lit else '#352a4c'))
    a += [L('M330 398v44M322 424h16', '#7a5417', 2),
          P('M322 442L180 780H470L338 442z', BUTTER, opacity=.16),
          P('M0 580Q120 540 260 570T520 556V780H0z', '#241b35'),
          P('M0 650Q180 600 520 660V780H0z', '#1a1328')]
    for i in range(60):
        x = rnd.randint(0, 520)
        a.append(L('M%d %dq4-16 %d-26' % (x, rnd.randint(660, 775),
                                          rnd.randint(2, 12)), '#6d4f7e', 3))
    a += [R(386, 624, 6, 6, BUTTER),
          T(60, 118, 'Jane', 92, '#f1e6ee', SERIF, 'start', italic=True),
          T(112, 200, 'Eyre', 92, '#f1e6ee', SERIF, 'start', italic=True),
          T(460, 742, 'CHARLOTTE BRONTË', 22, '#d9cfe0', SERIF, 'end', 5)]
    return book(G_LILAC, '#2b2440', a)


@picture('frankenstein')
def _():
    a = [R(0, 0, 520, 780, '#0f2b2a')]
    rnd = random.Random(8)
    for i in range(9):
        x = -40 + i * 64
        a.append(poly([(x, 0), (x + 90 + rnd.randint(-10, 30), 0),
                       (x + 40 + rnd.randint(-30, 60), 420),
                       (x + 10 + rnd.randint(-30, 30), 470)],
                      mix('#7fd39b', '#0f2b2a', .22 + .5 * rnd.random()),
                      opacity=.62))
    pts = [(0, 520)]
    for i in range(1, 14):
        pts.append((i * 40, 470 - (i % 2) * 54 + rnd.randint(-20, 30)))
    a += [poly(pts + [(520, 780), (0, 780)], '#9cc7c4'),
          poly([(0, 560), (90, 500), (180, 590), (300, 520), (390, 600),
                (520, 520), (520, 780), (0, 780)], '#c6e0dc'),
          poly([(0, 640), (140, 580), (270, 650), (420, 600), (520, 660),
                (520, 780), (0, 780)], '#e8f2ee'),
          poly([(90, 500), (180, 590), (120, 585)], '#83b0ae'),
          poly([(300, 520), (390, 600), (330, 590)], '#83b0ae'),
          L('M240 780L262 716 234 690 280 652', '#9cc7c4', 5),
          L('M420 780L400 730 440 700', '#9cc7c4', 4)]
    # he stands with his back to us, and a long shadow
    a += [poly([(262, 640), (292, 640), (220, 780), (120, 780)], '#b5d2ce'),
          P('M258 644L262 590C252 574 252 548 262 538L292 538C302 548 302 574'
            ' 292 590L296 644H282L278 600 274 644z', '#11211f'),
          L('M260 546L246 600M294 546L308 600', '#11211f', 11),
          R(266, 508, 22, 26, '#11211f', rx=5), R(264, 506, 26, 8, '#11211f')]
    a += [T(260, 138, 'FRANKENSTEIN', 62, '#eef7ee', NARROW, spacing=3,
            bold=True),
          T(260, 184, 'or, The Modern Prometheus', 27, '#eef7ee', SERIF,
            italic=True),
          T(260, 742, 'MARY SHELLEY', 23, '#11211f', NARROW, spacing=9)]
    return book(G_DUCK, '#0f2b2a', a)


@picture('the-time-machine')
def _():
    a = [R(0, 0, 520, 780, '#f3e6c4')]
    cols = (RUBRIC, '#f3e6c4', INK, HONEY, '#f3e6c4', TEAL, '#f3e6c4', INK,
            HONEY, RUBRIC, '#f3e6c4', INK)
    for i, c in enumerate(cols):
        r = 380 - i * 31
        cx, cy = 260 + i * 5 * math.cos(i * .6), 430 + i * 6 * math.sin(i * .6)
        a.append(C(cx, cy, r, c))
        for k in range(24):
            t = math.radians(k * 15 + i * 11)
            q = cols[(i + 2) % 12]
            if q != c and i % 2 == 0 and r > 40:
                a.append(L('M%.1f %.1fL%.1f %.1f' % (
                    cx + (r - 6) * math.cos(t), cy + (r - 6) * math.sin(t),
                    cx + (r - 22) * math.cos(t), cy + (r - 22) * math.sin(t)),
                    '#f3e6c4' if c != '#f3e6c4' else INK, 4))
    a += [poly([(262, 420), (282, 436), (470, 250)], CREAM),
          C(270, 428, 11, CREAM),
          R(0, 0, 520, 172, INK), L('M30 150H490', HONEY, 3),
          T(260, 76, 'THE TIME', 62, CREAM, SANS, spacing=9, bold=True),
          T(260, 132, 'MACHINE', 54, HONEY, SANS, spacing=17, bold=True),
          R(0, 712, 520, 68, INK),
          T(260, 755, 'H. G. WELLS', 26, CREAM, SANS, spacing=12)]
    return book(G_SAND, INK, a)


@picture('the-hound-of-the-baskervilles')
def _():
    a = [R(0, 0, 520, 780, '#24384a'), C(270, 360, 226, '#f0dfa6'),
         C(200, 300, 32, '#e2cd8b'), C(330, 250, 22, '#e2cd8b'),
         C(352, 400, 40, '#e2cd8b'), C(240, 440, 18, '#e2cd8b')]
    k = '#10161f'
    a += [P('M0 640L60 580 130 590 170 540 240 528 300 536 350 520 400 560 '
            '470 560 520 620V780H0z', k),
          R(196, 508, 80, 34, k, rx=8), R(300, 500, 66, 40, k, rx=8)]
    # the hound, howling
    a += [P('M186 526C184 470 176 440 196 410C214 384 262 396 296 380C312 '
            '372 318 348 316 322C312 300 322 282 332 276C336 262 338 244 348 '
            '232C356 240 360 252 360 262C372 238 388 220 404 210C410 216 408'
            ' 226 404 234C414 230 420 234 416 242C402 268 386 292 380 316C380'
            ' 350 372 376 360 402C352 422 350 462 356 526H332C330 486 322 462'
            ' 316 446C290 456 262 458 238 452C222 474 216 496 214 526z', k),
          L('M196 424C164 430 146 452 136 488', k, 13),
          L('M304 446C306 480 300 500 302 526', k, 17),
          L('M212 452C200 480 206 500 204 526', k, 17), C(368, 268, 4.5,
                                                           RUBRIC)]
    for i, y in enumerate((560, 606, 654, 700)):
        a.append(P(wave(y, 16, 260, 520, i * 90.0, y + 26), '#8fa5ad',
                   opacity=.35 + .1 * i))
    a += [T(260, 66, 'THE HOUND', 54, '#f0dfa6', NARROW, spacing=8,
            bold=True),
          T(260, 108, 'of the Baskervilles', 36, '#f0dfa6', SERIF,
            italic=True),
          T(260, 750, 'ARTHUR CONAN DOYLE', 24, '#f0dfa6', NARROW,
            spacing=6)]
    return book(G_BUTTER, '#24384a', a)


@picture('wuthering-heights')
def _():
    a = [R(0, 0, 520, 780, '#8d7fb0')]
    for i in range(16):
        a.append(L('M-20 %dC120 %d 260 %d 560 %d' % (
            150 + i * 28, 110 + i * 30, 190 + i * 24, 110 + i * 27),
            mix('#b9aed2', '#6b5b94', (i % 4) / 4.0), 13 - (i % 3) * 4))
    k = '#2a1c38'
    a += [P('M0 600Q180 540 330 580T520 590V780H0z', '#4d3a64'),
          P('M0 660Q240 600 520 670V780H0z', k)]

    def branch(x, y, t, ln, w, depth, out, rnd):
        x2 = x + ln * math.cos(t)
        y2 = y + ln * math.sin(t)
        out.append(L('M%.1f %.1fQ%.1f %.1f %.1f %.1f' % (
            x, y, (x + x2) / 2 + ln * .12, (y + y2) / 2 - ln * .1, x2, y2),
            k, w))
        if depth:
            for _i in range(3 if depth > 2 else 2):
                branch(x2, y2, t + rnd.uniform(-.65, .3) + .22 * (t < -.6),
                       ln * rnd.uniform(.62, .82), w * .66, depth - 1, out,
                       rnd)
    rnd = random.Random(21)
    out = []
    branch(150, 640, -1.25, 110, 25, 5, out, rnd)
    a += out
    a += [P('M120 660Q150 600 138 560L166 560Q160 610 200 656z', k)]
    for i in range(40):
        x = 13 * i
        a.append(L('M%d %dq16-20 34-22' % (x, 668 + (i * 37) % 90),
                   '#6d5688', 3))
    a += [G([R(0, 0, 54, 30, k), poly([(-4, 0), (27, -22), (58, 0)], k),
             R(40, -28, 8, 20, k), R(12, 10, 9, 9, BUTTER)],
            'translate(420 572)'),
          T(60, 96, 'Wuthering', 76, '#f3eef8', SERIF, 'start', italic=True),
          T(60, 164, 'HEIGHTS', 52, '#f3eef8', SERIF, 'start', 12),
          T(60, 742, 'EMILY BRONTË', 24, '#d5c8e6', SERIF, 'start', 7)]
    return book(G_LILAC, '#5f4f86', a)


@picture('the-lighthouse-year')
def _():
    a = [R(0, 0, 520, 780, '#0f4a55')]
    a += [poly([(300, 226), (-60, 60), (-60, 330)], '#f4d98a', opacity=.95),
          poly([(300, 226), (600, 150), (600, 280)], '#f4d98a', opacity=.6)]
    for i in range(7):
        a.append(P(wave(540 + i * 34, 12, 150, 520, i * 61.0 % 150, 780),
                   mix('#1c7078', '#0a2f3a', i / 6.0)))
    a += [P('M150 640C200 560 260 556 300 556S420 570 470 640z', '#2d2a33'),
          poly([(252, 560), (270, 270), (334, 270), (352, 560)], CREAM)]
    for i, y in enumerate((330, 430, 530)):
        y2 = min(y + 48, 560)
        a.append(poly([(270 - (y - 270) * .062, y), (334 + (y - 270) * .062,
                                                     y),
                       (334 + (y2 - 270) * .062, y2),
                       (270 - (y2 - 270) * .062, y2)], RUBRIC))
    a += [R(262, 258, 80, 14, '#2d2a33'), R(276, 198, 52, 60, '#f4d98a'),
          L('M276 198v60M302 198v60M328 198v60', '#2d2a33', 4),
          P('M268 200Q302 150 336 200z', RUBRIC), C(302, 166, 7, RUBRIC),
          R(294, 500, 18, 30, '#2d2a33'), R(296, 392, 12, 20, '#2d2a33'),
          R(300, 296, 12, 18, '#2d2a33')]
    for x, y, s in ((70, 400, 1.), (120, 366, .8), (430, 420, 1.1),
                    (180, 430, .7), (464, 372, .7)):
        a.append(gull(x, y, s, CREAM))
    a += [T(60, 700, 'Lighthouse Year', 59, CREAM, SERIF, 'start'),
          T(60, 744, 'HANNAH VEY', 22, '#f4d98a', SANS, 'start', 7)]
    a += [T(60, 640, 'The', 44, CREAM, SERIF, 'start', italic=True)]
    return book(G_DUCK, '#0f4a55', a)


@picture('a-museum-of-small-weather')
def _():
    a = [R(0, 0, 520, 780, '#5b3b26'), R(36, 176, 460, 514, '#7b5233')]
    rnd = random.Random(2)
    skies = ('#9fc6d6', '#f0b48a', '#39507a', '#d9dcdd', '#f3d489', '#6e8ca0',
             '#20304c', '#c9dfe2', '#e58c74', '#b7b2cf', '#87b0a8', '#f6e6c4')
    for i in range(12):
        c, r = i % 3, i // 3
        x, y = 50 + c * 147, 190 + r * 123
        s = skies[i]
        z = [R(0, 0, 138, 113, s)]
        if i in (0, 7):
            z += [cloud(66, 60, .62, WHITE), cloud(112, 36, .3, WHITE)]
        elif i == 1:
            z += [C(70, 84, 32, '#f9d7a0'), R(0, 84, 138, 40, '#8a4a3c')]
        elif i == 2:
            z += [L('M%d %dl-10 26' % (14 + 20 * k, 26 + (k * 29) % 50),
                    '#a9c3de', 3) for k in range(7)]
        elif i == 3:
            z += [L('M10 %dh%d' % (24 + 16 * k, 118 - (k * 31) % 40),
                    '#b3b9bb', 7) for k in range(5)]
        elif i == 4:
            z += [poly([(78, 10), (48, 62), (70, 62), (58, 104), (98, 46),
                        (74, 46)], '#c46a1f')]
        elif i == 5:
            z += [C(18 + (k * 37) % 110, 14 + (k * 53) % 90, 6, WHITE)
                  for k in range(12)]
        elif i == 6:
            z += [C(92, 40, 22, '#f2e8c9'), C(82, 34, 20, s)] + \
                 [C(rnd.randint(8, 130), rnd.randint(8, 106), 1.8, CREAM)
                  for _k in range(14)]
        elif i == 8:
            z += [ring(69, 113, 88 - k * 12, q, 12) for k, q in enumerate(
                ('#f6e1b4', '#f2c75c', '#9fc6a8', '#6f97b5'))]
        elif i == 9:
            z += [L('M12 %dC50 %d 80 %d 126 %d' % (30 + 22 * k, 10 + 22 * k,
                                                   52 + 22 * k, 26 + 22 * k),
                    '#efedf6', 4) for k in range(4)]
        elif i == 10:
            z += [G(L('M0-14V14M-12-7L12 7M-12 7L12-7', WHITE, 3.5),
                    'translate(%d %d)' % q) for q in (
                (34, 34), (92, 28), (66, 68), (112, 84), (26, 90))]
        else:
            z += [C(69, 56, 24, HONEY)] + [
                L('M%.0f %.0fL%.0f %.0f' % (
                    69 + 34 * math.cos(k), 56 + 34 * math.sin(k),
                    69 + 44 * math.cos(k), 56 + 44 * math.sin(k)), HONEY, 5)
                for k in [math.pi / 4 * q for q in range(8)]]
        a.append(box(x, y, 138, 113, 138, 113, z))
        a.append(R(x, y, 138, 113, 'none', stroke='#4a2f1d', stroke_width=5))
        a.append(R(x + 54, y + 100, 30, 9, BUTTER, rx=4))
    a += [R(26, 164, 480, 14, '#8f633f'), R(26, 688, 480, 14, '#8f633f'),
          T(266, 62, 'A MUSEUM OF', 30, '#f3e2c0', SERIF, spacing=8),
          T(266, 128, 'Small Weather', 64, '#f3e2c0', SERIF, italic=True),
          T(266, 748, 'TOMAS REED', 23, '#f3e2c0', SERIF, spacing=9)]
    return book(G_SAND, '#5b3b26', a)


@picture('around-the-world-in-eighty-days')
def _():
    a = [R(0, 0, 520, 780, '#f2c75c')]
    for i in range(24):
        t = math.radians(i * 15)
        t2 = math.radians(i * 15 + 7.5)
        a.append(poly([(260, 440), (260 + 700 * math.cos(t),
                                    440 + 700 * math.sin(t)),
                       (260 + 700 * math.cos(t2), 440 + 700 * math.sin(t2))],
                      '#f6d57f'))
    a += [C(260, 440, 172, '#2f7f8c')]
    land = ('M150 380C170 330 220 310 250 330C240 360 210 370 206 400C190 420 '
            '160 410 150 380zM220 430C250 420 280 440 276 480C266 520 240 560 '
            '226 540C214 500 206 460 220 430zM300 340C330 310 390 330 410 370'
            'C424 410 400 440 370 430C350 450 330 430 330 400C310 390 296 360 '
            '300 340zM340 500C366 484 400 500 392 524C376 548 340 540 340 500z')
    a += [P(land, '#f3e6c4'), ring(260, 440, 172, INK, 6),
          tag('ellipse', dict(cx=260, cy=440, rx=80, ry=172, fill='none',
                              stroke='#1d5560', stroke_width=2.5)),
          L('M88 440H432M110 350H410M110 530H410', '#1d5560', 2.5)]

    def on(deg, inner):
        return G(inner, 'translate(260 440) rotate(%d) translate(0 -178)'
                 % deg)
    train = [R(-46, -34, 60, 26, RUBRIC), R(-46, -58, 24, 28, RUBRIC),
             R(-41, -52, 14, 14, CREAM), R(2, -52, 10, 20, INK),
             C(-34, -7, 9, INK), C(-10, -7, 9, INK), C(8, -7, 7, INK),
             poly([(14, -10), (26, 0), (14, 0)], INK), C(14, -62, 8, WHITE),
             C(30, -72, 12, WHITE)]
    ship = [P('M-60-22H60L46 4H-46z', INK), R(-30, -40, 60, 18, CREAM),
            R(-8, -66, 18, 28, RUBRIC), C(16, -74, 9, WHITE),
            C(34, -84, 13, WHITE), L('M-46-22V-60', INK, 3)]
    g = '#8b8794'
    eleph = [E(0, -40, 42, 28, g), R(-34, -28, 16, 28, g), R(16, -28, 16, 28,
                                                             g),
             C(42, -50, 22, g), L('M58-44C68-30 60-16 68-8', g, 10),
             E(32, -50, 12, 17, '#6f6b79'), C(50, -54, 3, INK),
             R(-24, -80, 46, 18, RUBRIC), R(-20, -96, 38, 16, BUTTER)]
    bal = [C(0, -86, 36, RUBRIC), P('M-12-120C-24-90-24-80-8-52M12-120C24-90 '
                                    '24-80 8-52', 'none', stroke=CREAM,
                                    stroke_width=6),
           L('M-22-58L-8-24M22-58L8-24', INK, 2.5), R(-11, -26, 22, 18,
                                                      BROWN)]
    a += [on(-48, train), on(48, eleph), on(180, ship), on(-118, G(bal, 'scale(.8)')),
          on(118, G(bal, 'scale(.6)'))]
    a += [R(0, 0, 520, 176, INK),
          T(260, 66, 'AROUND THE WORLD', 40, '#f2c75c', NARROW, spacing=5,
            bold=True),
          T(260, 136, 'in Eighty Days', 62, CREAM, SERIF, italic=True),
          R(0, 716, 520, 64, INK),
          T(260, 757, 'JULES VERNE', 25, CREAM, NARROW, spacing=12)]
    return book(G_BUTTER, INK, a)


# --- poetry ---------------------------------------------------------------

@picture('leaves-of-grass')
def _():
    a = [R(0, 0, 520, 780, '#eef0dc')]
    rnd = random.Random(4)
    for i in range(95):
        x = rnd.uniform(-20, 540)
        h = rnd.uniform(160, 470) * (1.0 if i < 70 else .5)
        b = rnd.uniform(-110, 110)
        w = rnd.uniform(7, 15)
        c = mix('#93b06b', '#24472f', rnd.random())
        a.append(P('M%.1f 790Q%.1f %.1f %.1f %.1fQ%.1f %.1f %.1f 790z' % (
            x - w, x - w + b * .1, 790 - h * .6, x + b, 790 - h,
            x + w + b * .1, 790 - h * .55, x + w), c))
    a += [T(60, 126, 'Leaves', 92, '#24472f', SERIF, 'start'),
          T(60, 186, 'of', 50, '#24472f', SERIF, 'start', italic=True),
          T(118, 210, 'Grass', 92, '#24472f', SERIF, 'start'),
          T(64, 258, 'WALT WHITMAN', 20, '#4f6b43', SERIF, 'start', 6)]
    return book(G_LEAF, '#eef0dc', a, '#24472f')


@picture('songs-of-innocence-and-of-experience')
def _():
    a = [R(0, 0, 520, 780, '#e07a24')]
    rnd = random.Random(9)
    for side in (-1, 1):
        for i in range(13):
            y = 190 + i * 44
            x = 260 + side * 270
            ln = rnd.uniform(110, 215)
            a.append(P('M%d %dQ%.0f %.0f %.0f %.0fQ%.0f %.0f %d %dz' % (
                x, y - 16, x - side * ln * .6, y - 18 + rnd.uniform(-14, 4),
                x - side * ln, y + 22 + rnd.uniform(-8, 18),
                x - side * ln * .6, y + 16, x, y + 16), '#17181c'))
    for i in range(4):
        w = 26 - i * 4
        a.append(P('M%d %dQ260 %d %d %dQ260 %d %d %dz' % (
            260 - w * 3, 216 + i * 42, 250 + i * 42, 260 + w * 3,
            216 + i * 42, 232 + i * 40, 260 - w * 3, 216 + i * 42),
            '#17181c'))
    for x in (196, 324):
        a += [P('M%d 440Q%d 396 %d 440Q%d 474 %d 440z' % (
            x - 46, x, x + 46, x, x - 46), '#f4e9a8'),
            E(x, 437, 9, 23, '#17181c')]
    a += [P('M226 540Q260 526 294 540Q286 572 260 580Q234 572 226 540z',
            '#17181c'), L('M260 580V616M260 616Q232 640 206 622M260 616Q288 '
                          '640 314 622', '#17181c', 8)]
    a += [R(0, 0, 520, 170, '#17181c'),
          T(260, 70, 'Songs of Innocence', 46, '#f4e9a8', SERIF, italic=True),
          T(260, 128, '& of Experience', 46, '#e07a24', SERIF, italic=True),
          R(0, 716, 520, 64, '#17181c'),
          T(260, 757, 'WILLIAM BLAKE', 24, '#f4e9a8', SERIF, spacing=8)]
    return book(G_SAND, '#17181c', a)


@picture('emily-dickinson-one-hundred-poems')
def _():
    a = [R(0, 0, 520, 780, '#f7f3ea'), R(38, 38, 444, 704, 'none',
                                         stroke='#3f5d4d', stroke_width=2.5)]
    a += [L('M262 700C256 640 268 580 258 520', '#3f5d4d', 6)]
    for t in (-74, 0, 74):
        a.append(G([P('M0 0C-50-16-60-66-34-84-18-92 0-80 0-66 0-80 18-92 34-'
                      '84 60-66 50-16 0 0z', '#5f8a63'),
                    P('M-26-50Q0-26 26-50', 'none', stroke='#b6cfa9',
                      stroke_width=6)],
                   'translate(262 640) rotate(%d) scale(.95)' % t))
    for i in range(44):
        r = 54 * math.sqrt((i + .5) / 44.)
        t = i * 2.39996
        x, y = 258 + r * math.cos(t), 478 + r * .86 * math.sin(t)
        a.append(E(x, y, 7.5, 17, mix('#c35f86', '#e9a7bd', (i % 5) / 4.),
                   transform='rotate(%.0f %.1f %.1f)' % (
                       math.degrees(t) + 90, x, y)))
    a += [bee(352, 330, 1.9, -14),
          L('M384 344C440 380 430 436 372 420C330 404 340 372 372 376',
            '#3f5d4d', 2.5, stroke_dasharray='2 9'),
          T(260, 122, 'EMILY DICKINSON', 36, '#26392f', SERIF, spacing=6),
          L('M220 152H300', '#c35f86', 3),
          T(260, 206, 'One hundred poems', 36, '#c35f86', SERIF, italic=True)]
    return book(G_BLUSH, '#f7f3ea', a, '#3f5d4d')


@picture('tidewords')
def _():
    a = [R(0, 0, 520, 780, '#f3ece0'), C(380, 200, 62, '#ef8d6b')]
    cols = ('#cfe3e3', '#a9cfd2', '#7fb6bf', '#5699a8', '#357d91', '#236379',
            '#164a62', '#0d344a')
    for i, c in enumerate(cols):
        y = 250 + i * 62
        x = (i * 97) % 200
        a.append(P(wave(y + 9, 26 + i * 3, 230 + i * 16, 520, float(x), 780),
                   mix(c, INK, .3), opacity=.5))
        a.append(P(wave(y, 26 + i * 3, 230 + i * 16, 520, float(x), 780), c))
    a += [gull(96, 214, 1.2, INK), gull(164, 180, .9, INK),
          T(60, 118, 'Tidewords', 82, '#164a62', SERIF, 'start'),
          T(62, 158, 'forty poems of the shore', 26, '#164a62', SERIF,
            'start', italic=True),
          T(60, 744, 'SALTMARSH ANTHOLOGIES', 20, '#cfe3e3', SERIF, 'start',
            5)]
    return book(G_SKY, '#f3ece0', a, '#164a62')


# --- science and travel ---------------------------------------------------

@picture('on-the-origin-of-species')
def _():
    a = [R(0, 0, 520, 780, '#efe5cc')]
    k = '#2d4a3e'
    a += [L('M260 720V590', k, 9),
          L('M260 590C260 520 150 540 140 450M260 590C260 520 380 540 384 '
            '460M260 640C200 620 70 640 66 560M260 650C340 630 450 650 458 '
            '570', k, 6),
          L('M140 450C138 400 84 410 84 350M140 450C142 400 204 410 206 340'
            'M384 460C384 400 320 410 318 350M384 460C386 410 446 410 446 '
            '350', k, 5)]
    for x, y in ((66, 560), (84, 350), (206, 340), (318, 350), (446, 350),
                 (458, 570)):
        a.append(C(x, y, 7, RUBRIC))
    a += [finch(84, 300, .95, '#c9803f', INK, 1.6),
          finch(206, 290, .9, '#5f7f86', INK, .6),
          finch(318, 300, .95, '#8d9a4a', INK, 1.0, -1),
          finch(444, 300, .95, '#5b3b46', INK, 2.0, -1),
          finch(74, 512, .8, '#d9a743', INK, .3),
          finch(450, 522, .8, '#9c4a3a', INK, 1.3, -1)]
    for i, y in enumerate((590, 630, 670)):
        a.append(L('M40 %dH480' % (y + 30), k, 1, stroke_dasharray='2 7'))
    a += [T(266, 78, 'ON THE ORIGIN', 42, k, SERIF, spacing=4, bold=True),
          T(266, 120, 'of', 32, RUBRIC, SERIF, italic=True),
          T(266, 176, 'SPECIES', 62, k, SERIF, spacing=10, bold=True),
          L('M60 206H472', k, 2),
          T(266, 756, 'CHARLES DARWIN', 23, k, SERIF, spacing=8)]
    return book(G_LEAF, '#efe5cc', a, '#2d4a3e')


@picture('the-voyage-of-the-beagle')
def _():
    a = [R(0, 0, 520, 780, '#b9d3d3')]
    a += [P('M0 0H200C170 60 210 90 180 140S90 200 110 260 40 330 0 340z',
            '#e9dcb9'),
          P('M520 560C470 570 460 620 420 640S400 720 340 780H520z',
            '#e9dcb9')]
    for i in range(1, 4):
        a.append(L('M%d 0C%d 60 %d 90 %d 140S%d 200 %d 260 %d 330 0 %d' % (
                       200 + 16 * i, 170 + 16 * i, 210 + 16 * i,
                       180 + 16 * i, 90 + 16 * i, 110 + 16 * i, 40 + 16 * i,
                       340 + 16 * i), '#8fb3b5', 2))
    a += [L('M0 260H520M0 520H520M130 0V780M390 0V780', '#8fb3b5', 1.5),
          L('M440 40L150 780M40 780L520 330', '#8fb3b5', 1.5)]
    rnd = random.Random(13)
    for i in range(44):
        x, y = rnd.randint(150, 500), rnd.randint(190, 760)
        if 90 < x < 420 and 300 < y < 620 or y > 620 and x > 330:
            continue
        a.append(T(x, y, str(rnd.randint(4, 90)), 17, '#4b7378', SERIF,
                   italic=True))
    s = '#fdf8ea'
    a += [P('M92 566H420L388 622H134z', '#1f3440'), R(88, 556, 340, 13,
                                                    RUBRIC),
          L('M186 556V316M316 556V300M420 560L478 520M100 560V450',
            '#1f3440', 6)]
    for mx, tops in ((186, (330, 400, 474)), (316, (314, 392, 472))):
        for i, y in enumerate(tops):
            w = 40 + i * 12
            a.append(P('M%d %dH%dQ%d %d %d %dQ%d %d %d %dQ%d %d %d %dz' % (
                mx - w, y, mx + w, mx + w + 20, y + 34, mx + w + 4, y + 64,
                mx, y + 50, mx - w + 8, y + 64, mx - w + 20, y + 30, mx - w,
                y), s, stroke='#1f3440', stroke_width=2.5))
    a += [P('M328 420L470 524 400 548z', s, stroke='#1f3440',
            stroke_width=2.5),
          P('M104 456L172 420V540L96 548z', s, stroke='#1f3440',
            stroke_width=2.5),
          poly([(186, 316), (226, 306), (186, 296)], RUBRIC),
          L(wave(630, 9, 80, 520, 0.0), '#1f3440', 5),
          L('M150 656q40 14 90 2t120 2', '#1f3440', 4)]
    a += [T(60, 86, 'The Voyage', 54, '#1f3440', SERIF, 'start'),
          T(60, 136, 'of the', 38, RUBRIC, SERIF, 'start', italic=True),
          T(160, 146, 'Beagle', 64, '#1f3440', SERIF, 'start'),
          T(60, 744, 'CHARLES DARWIN', 22, '#1f3440', SERIF, 'start', 7)]
    return book(G_SKY, '#b9d3d3', a, '#1f3440')


@picture('a-pocket-atlas-of-clouds')
def _():
    a = [R(0, 0, 520, 780, '#3f79a6')]
    w = WHITE

    def cell(i):
        if i == 0:
            return [L('M-54 %dq30-24 64-8t46-12' % y, w, 5)
                    for y in (-14, 6, 26)]
        if i == 1:
            return [C(-48 + (k % 5) * 24 + (k // 5) * 8, -18 + (k // 5) * 22,
                      8, w) for k in range(15)]
        if i == 2:
            return [R(-60, -26, 120, 52, w, opacity=.45, rx=3),
                    ring(0, 0, 20, BUTTER, 3)]
        if i == 3:
            return [C(-44 + (k % 4) * 30 + (k // 4) * 12, -14 + (k // 4) * 30,
                      14, w) for k in range(8)]
        if i == 4:
            return [L('M-58 %dH58' % y, w, 9, opacity=.8) for y in
                    (-20, 0, 20)]
        if i == 5:
            return [R(-60, -30, 120, 34, '#d3dee6', rx=16)] + [
                L('M%d 10l-6 24' % x, w, 3) for x in range(-46, 56, 16)]
        if i == 6:
            return [cloud(-26, 6, .42, w), cloud(28, 10, .5, w),
                    cloud(4, -10, .4, '#e6eff4')]
        if i == 7:
            return [R(-60, -8, 120, 26, w, rx=13), R(-40, -22, 70, 20,
                                                     '#e6eff4', rx=10)]
        if i == 8:
            return [cloud(0, 8, .92, w)]
        return [P('M-30 34C-64 34-54 4-36 4-50-14-30-34-12-28-60-32-58-44 0-42'
                  'S66-34 20-28C40-30 50-8 36 2 58 6 58 34 34 34z', w),
                poly([(4, 4), (-12, 26), (0, 26), (-6, 44), (16, 18),
                      (4, 18)], BUTTER)]
    names = ('cirrus', 'cirrocumulus', 'cirrostratus', 'altocumulus',
             'altostratus', 'nimbostratus', 'stratocumulus', 'stratus',
             'cumulus', 'cumulonimbus')
    for i in range(10):
        c, r = i % 2, i // 2
        x, y = 60 + c * 208, 190 + r * 108
        a += [R(x, y, 196, 98, mix('#5b93bd', '#2d5f8b', r / 5.)),
              G(cell(i), 'translate(%d %d) scale(.9)' % (x + 98, y + 45)),
              T(x + 8, y + 92, '%d  %s' % (i + 1, names[i]), 14, '#e6eff4',
                SANS, 'start')]
    a += [T(60, 78, 'A POCKET ATLAS', 33, w, SANS, 'start', 4, True),
          T(60, 146, 'of Clouds', 66, BUTTER, SERIF, 'start', italic=True),
          T(60, 762, 'ORRERY & SONS', 17, w, SANS, 'start', 5)]
    return book(G_SKY, '#3f79a6', a)


@picture('the-night-sky-slowly')
def _():
    a = [R(0, 0, 520, 780, '#101c38')]
    rnd = random.Random(6)
    for i in range(64):
        r = 16 + i * 9.4
        t = rnd.uniform(0, 6.28)
        d = rnd.uniform(.5, 1.3)
        for k in range(2 if r > 90 else 1):
            u = t + k * rnd.uniform(2.2, 3.6)
            a.append(L('M%.1f %.1fA%.1f %.1f 0 0 1 %.1f %.1f' % (
                300 + r * math.cos(u), 330 + r * math.sin(u), r, r,
                300 + r * math.cos(u + d), 330 + r * math.sin(u + d)),
                rnd.choice(('#e8ecf5', '#9fb2d6', '#6b83b5', '#f2d9a0',
                            '#7e95c4')), rnd.choice((1.5, 2, 2.5))))
    a += [C(300, 330, 4.5, WHITE),
          P('M0 640Q120 560 250 610T520 590V780H0z', '#070d1c'),
          R(186, 552, 26, 50, '#070d1c'), poly([(178, 554), (199, 528),
                                                (220, 554)], '#070d1c'),
          R(195, 566, 9, 11, BUTTER)]
    a += [R(0, 646, 520, 134, '#070d1c'),
          T(60, 700, 'The Night Sky,', 50, '#e8ecf5', SERIF, 'start'),
          T(60, 748, 'slowly', 46, '#f2d9a0', SERIF, 'start', 9,
            italic=True)]
    return book(G_LILAC, '#101c38', a)


@picture('moss-a-field-companion')
def _():
    a = [R(0, 0, 520, 780, '#d9e0b4')]
    rnd = random.Random(14)
    for i in range(26):
        x = 30 + rnd.randint(0, 460)
        h = rnd.randint(120, 300)
        b = rnd.randint(-24, 24)
        c = rnd.choice(('#a9542c', '#8c4425', '#c47a3a'))
        a += [L('M%d 640q%d %d %d %d' % (x, 2, -h // 2, b, -h), c, 3.5),
              G([E(0, -15, 9, 19, '#6f8a3d'), poly([(-9, -24), (0, -46),
                                                    (9, -24)], '#c47a3a')],
                'translate(%d %d) rotate(%d)' % (x + b, 640 - h, b * 1.6))]
    for x, y, r, c in ((100, 680, 150, '#4d6b2e'), (430, 690, 170, '#3d5926'),
                       (270, 740, 190, '#5c7d38'), (40, 800, 150, '#6d9042'),
                       (500, 820, 140, '#6d9042')):
        a.append(C(x, y, r, c))
        for _i in range(70):
            t = rnd.uniform(3.2, 6.2)
            q = r * rnd.uniform(.55, 1.02)
            px, py = x + q * math.cos(t), y + q * math.sin(t)
            a.append(L('M%.0f %.0fl-6-12m6 12l0-15m0 15l6-12' % (px, py),
                       mix(c, '#dfe9a6', rnd.uniform(.15, .5)), 2.5))
    a += [T(60, 142, 'Moss', 132, '#33491f', SERIF, 'start'),
          T(64, 190, 'a field companion', 35, '#33491f', SERIF, 'start',
            italic=True),
          T(64, 232, 'AGNES THORNE', 19, '#33491f', SERIF, 'start', 6)]
    return book(G_LEAF, '#d9e0b4', a, '#33491f')


@picture('travels-with-a-donkey')
def _():
    a = [R(0, 0, 520, 780, '#f6d8a6'), C(380, 250, 64, '#fdeec9')]
    cols = ('#eab177', '#e0915a', '#cc6f44', '#ad5236', '#7f3a2d')
    ds = ('M0 380Q100 300 210 350T420 320 520 350V780H0z',
          'M0 440Q160 360 300 430T520 400V780H0z',
          'M0 520Q130 450 270 500T520 460V780H0z',
          'M0 600Q200 520 360 590T520 560V780H0z',
          'M0 690Q180 620 520 670V780H0z')
    for c, d in zip(cols, ds):
        a.append(P(d, c))
    a.append(L('M520 668C430 600 300 640 240 600S280 520 380 500 330 440 250 '
               '420', '#f6d8a6', 5, stroke_dasharray='3 13'))
    k = '#2f1d1c'
    a += [E(234, 586, 54, 28, k), L('M194 600V652M212 606V652M258 606V652'
                                    'M276 600V652', k, 10),
          P('M270 580L304 534C318 520 340 526 346 538L352 562C342 570 330 '
            '566 322 560L286 606z', k),
          L('M308 532L300 500M320 530L322 498', k, 9),
          L('M182 578L166 622', k, 6), R(196, 548, 62, 34, TEAL, rx=12),
          R(204, 538, 46, 16, RUBRIC, rx=8), L('M226 540V588', CREAM, 4),
          L('M346 556C372 580 392 560 404 566', k, 3),
          L('M430 600L414 654M436 600L452 652', k, 12),
          P('M412 610L418 540C424 528 444 528 450 540L456 610z', '#3d4f63'),
          L('M424 546L402 572', '#3d4f63', 12), C(434, 516, 17, '#d9a98a'),
          E(434, 506, 28, 6, k), R(420, 488, 28, 18, k, rx=6),
          L('M454 560L474 656', k, 4), L('M448 548L460 574', '#3d4f63', 11)]
    a += [T(60, 92, 'Travels', 80, '#7f3a2d', SERIF, 'start', italic=True),
          T(60, 146, 'WITH A DONKEY', 38, '#7f3a2d', SERIF, 'start', 4),
          T(60, 184, 'in the Cévennes', 30, '#ad5236', SERIF, 'start',
            italic=True),
          T(60, 744, 'R. L. STEVENSON', 23, '#f6d8a6', SERIF, 'start', 7)]
    return book(G_SAND, '#7f3a2d', a)


@picture('slow-trains-north')
def _():
    a = [R(0, 0, 520, 780, '#cfe0e6')]

    def peak(x, y, w, h, c, snow=WHITE):
        return [poly([(x - w, y), (x, y - h), (x + w, y)], c),
                poly([(x, y - h), (x + w, y), (x + w * .25, y)],
                     mix(c, INK, .25)),
                poly([(x - w * .3, y - h * .7), (x, y - h),
                      (x + w * .3, y - h * .7), (x + w * .12, y - h * .62),
                      (x, y - h * .72), (x - w * .14, y - h * .6)], snow)]
    a += peak(120, 480, 190, 250, '#7d9db0') + peak(420, 480, 200, 290,
                                                   '#6b8da3')
    a += peak(270, 500, 180, 200, '#547a93')
    a += [P('M0 470Q260 410 520 480V780H0z', '#e6eef0'),
          P('M0 560Q300 500 520 580V780H0z', WHITE)]
    rail = 'M330 500C460 520 470 560 320 580S40 620 110 690 380 740 540 720'
    a += [L(rail, '#51606b', 26, stroke_dasharray='5 11',
            stroke_linecap='butt'),
          L(rail, '#2e3b45', 13), L(rail, WHITE, 8)]
    for x, y, s in ((40, 560, 1), (84, 540, .8), (470, 640, 1.2),
                    (430, 610, .8), (250, 660, .9), (500, 560, .7),
                    (20, 740, 1.1)):
        a.append(G([poly([(-22, 0), (0, -40), (22, 0)], '#2f5548'),
                    poly([(-18, -22), (0, -58), (18, -22)], '#3d6a58'),
                    poly([(-12, -44), (0, -74), (12, -44)], '#4c7d68'),
                    R(-4, 0, 8, 12, BROWN)],
                   'translate(%d %d) scale(%s)' % (x, y, s)))
    a += [G([R(0, 0, 178, 66, RUBRIC, rx=12), R(0, 40, 178, 8, CREAM),
             P('M178 12Q196 30 190 66H160V0H166z', RUBRIC)] +
            [R(14 + 32 * i, 12, 24, 22, '#26384a', rx=4) for i in range(5)] +
            [C(30, 68, 9, '#26384a'), C(56, 68, 9, '#26384a'),
             C(124, 68, 9, '#26384a'), C(150, 68, 9, '#26384a'),
             L('M60 0l16-22 16 22', '#26384a', 3), C(184, 52, 4, BUTTER)],
            'translate(176 508) rotate(-4) scale(.95)'),
          T(60, 96, 'SLOW TRAINS', 54, '#26384a', NARROW, 'start', 5, True),
          T(60, 176, 'NORTH', 92, RUBRIC, NARROW, 'start', 13, True),
          T(60, 214, 'Lars Adeyemi', 26, '#26384a', SERIF, 'start',
            italic=True)]
    return book(G_SKY, '#cfe0e6', a, '#26384a')


@picture('twelve-islands-on-foot')
def _():
    a = [R(0, 0, 520, 780, '#48b0ad')]
    rnd = random.Random(23)
    spots = [(120, 250, 44), (250, 220, 30), (390, 260, 52), (90, 390, 32),
             (220, 370, 54), (350, 400, 28), (450, 420, 38), (110, 530, 48),
             (260, 520, 32), (390, 560, 56), (190, 640, 36), (310, 660, 30)]

    def blob(x, y, r, f, ph):
        pts = []
        for i in range(40):
            t = i * math.pi / 20
            q = r * (1 + .16 * math.sin(2 * t + ph) + .1 * math.sin(
                3 * t + ph * 2) + .05 * math.sin(5 * t + ph))
            pts.append((x + q * math.cos(t), y + q * .86 * math.sin(t)))
        return poly(pts, f)
    for x, y, r in spots:
        ph = rnd.uniform(0, 6)
        a += [blob(x, y, r + 26, '#5dbcb7', ph), blob(x, y, r + 13,
                                                      '#86d0c7', ph),
              blob(x, y, r, '#f5e2b0', ph), blob(x, y, r * .78, '#8fb063',
                                                 ph),
              blob(x - 2, y - 3, r * .46, '#6d954f', ph)]
    a.append(L('M' + 'L'.join('%d %d' % (x, y) for x, y, _r in spots[:3]) +
               'L450 420L350 400L220 370L90 390L110 530L260 520L390 560L310 '
               '660L190 640', RUBRIC, 3.5, stroke_dasharray='2 10'))
    for i, (x, y, _r) in enumerate(spots):
        a.append(C(x, y, 5.500, RUBRIC))
    a += [R(0, 0, 520, 160, '#f5e2b0'),
          T(60, 74, 'TWELVE ISLANDS', 40, '#14525a', SANS, 'start', 3, True),
          T(60, 132, 'on foot', 58, RUBRIC, SERIF, 'start', italic=True),
          T(460, 748, 'MAREN OYE', 22, '#0f3f45', SANS, 'end', 7)]
    return book(G_DUCK, '#48b0ad', a, '#14525a')


# --- cooking ----------------------------------------------------------------

@picture('the-patient-loaf')
def _():
    a = [R(0, 0, 520, 780, '#34424c')]
    rnd = random.Random(31)
    for _i in range(240):
        t, q = rnd.uniform(0, 6.28), rnd.gauss(190, 70)
        a.append(C(round(266 + q * math.cos(t)), round(430 + q * math.sin(t)),
                   rnd.choice((1.5, 2, 2.5, 3.5)), '#e9e2d2',
                   opacity=.75))
    a += [C(278, 446, 196, '#222d35'), C(266, 430, 196, '#8a4f23'),
          C(266, 430, 184, '#b87333'), C(262, 424, 164, '#cf8c45')]
    for i in range(4):
        a.append(ring(262, 424, 148 - i * 32, '#f0dcb6', 7, opacity=.55))
    for t in (0, 90, 180, 270):
        a.append(G(P('M0-10C12-60 12-110 0-158C-12-110-12-60 0-10z',
                     '#f6e6c6'), 'translate(262 424) rotate(%d)' % (t + 20)))
        for k in range(3):
            a.append(G(leaf(0, 0, .62, 0, '#f0d5a0'),
                       'translate(262 424) rotate(%d) translate(%d -70)' % (
                           t + 65 - 16 + 16 * k, 0)))
    a += [T(266, 86, 'The Patient', 54, '#f6e6c6', SERIF, italic=True),
          T(266, 164, 'LOAF', 84, '#f6e6c6', SERIF, spacing=22, bold=True),
          T(266, 716, 'thirty-six breads', 26, '#e2a133', SERIF, italic=True),
          T(266, 752, 'BEATRIX HOLLOWAY', 20, '#f6e6c6', SERIF, spacing=7)]
    return book(G_SAND, '#34424c', a)


@picture('soup-for-readers')
def _():
    a = [R(0, 0, 520, 780, '#fbeedd'), R(0, 620, 520, 160, '#e9b872')]
    for i in range(8):
        for j in range(3):
            if (i + j) % 2:
                a.append(R(i * 65, 620 + j * 54, 65, 54, '#e2a85a'))
    for i, x in enumerate((160, 214, 268, 322, 376)):
        a.append(L('M%d 424q-26-34 0-68t0-68q-22-30 0-%d' % (
            x, 50 if i % 2 else 76), '#b8453a', 5))
    words = ('it was a dark and', 'once upon a time', 'call me what you',
             'all happy families', 'the past is a')
    for i, (x, s) in enumerate(zip((134, 188, 242, 296, 350), words)):
        a.append(T(0, 0, s, 17, '#6f3a2e', SERIF, 'start', 1, italic=True,
                   transform='translate(%d 430) rotate(-90)' % (x + 62)))
    a += [P('M104 470H428V600C428 650 396 676 340 676H192C136 676 104 650 104 '
            '600z', RUBRIC),
          P('M104 470H190V676C136 676 104 650 104 600z', '#de5a42'),
          E(266, 470, 162, 28, '#a92f1b'), E(266, 468, 146, 21, '#ecb04a'),
          C(220, 466, 9, '#7c9a5b'), C(300, 474, 8, '#7c9a5b'),
          C(262, 462, 7, '#cf6a2c'), C(340, 466, 8, '#cf6a2c'),
          L('M104 530C60 530 60 580 104 576M428 530C472 530 472 580 428 576',
            '#a92f1b', 17),
          L('M356 470L446 330', '#9c7232', 13), E(452, 320, 17, 24, '#9c7232',
                                                 transform='rotate(34 452 320)')]
    a += [T(266, 106, 'Soup', 104, '#b8453a', SLAB, bold=True),
          T(266, 160, 'FOR READERS', 38, '#6f3a2e', SLAB, spacing=6),
          T(266, 748, 'Clement Voss', 27, '#6f3a2e', SLAB, italic=True)]
    return book(G_BLUSH, '#fbeedd', a, '#b8453a')


@picture('a-year-of-marmalade')
def _():
    a = [R(0, 0, 520, 780, '#1f5b57'), C(260, 470, 216, '#f08a24'),
         C(260, 470, 198, '#fbe7bd'), C(260, 470, 184, '#f7a63c')]
    for i in range(12):
        t = i * 30
        a.append(G(P('M0-22C34-74 46-130 26-168C10-178-10-178-26-168C-46-130'
                     '-34-74 0-22z', ('#f9bb5c', '#fac877')[i % 2]),
                   'translate(260 470) rotate(%d)' % t))
        a.append(G(L('M-8-100q4-22 12-34', '#fde3ae', 4),
                   'translate(260 470) rotate(%d)' % t))
    a += [C(260, 470, 18, '#fbe7bd'), R(0, 530, 520, 250, '#1f5b57')]
    a += [  # the jar, and its hat
        P('M160 590C160 570 180 566 186 552H334C340 566 360 570 360 590V708'
          'C360 726 350 736 332 736H188C170 736 160 726 160 708z', '#f5a02e'),
        P('M176 596C176 580 192 574 200 564H226C200 590 200 690 206 728H188C'
          '178 726 176 716 176 708z', '#fbc672'),
        R(180, 530, 160, 26, CREAM, rx=6), P('M168 556Q260 500 352 556L364 '
                                             '574Q260 540 156 574z', RUBRIC),
        R(206, 620, 108, 76, CREAM),
        T(260, 652, 'MARMALADE', 15, '#1f5b57', SERIF, spacing=1, bold=True),
        T(260, 680, 'Jan.', 22, RUBRIC, SERIF, italic=True)]
    for x, y in ((214, 590), (300, 712), (330, 604), (240, 600)):
        a.append(L('M%d %dq10-10 20 2' % (x, y), '#c8741a', 5))
    for x, t in ((70, -30), (110, 20), (440, 30), (400, -16)):
        a.append(leaf(x, 740, 1.7, t, '#3c8574'))
    a += [T(260, 98, 'A Year of', 54, '#fbe7bd', SERIF, italic=True),
          T(260, 168, 'MARMALADE', 57, '#f7a63c', SERIF, spacing=4,
            bold=True),
          T(260, 212, 'ROSALIND PIKE', 20, '#fbe7bd', SERIF, spacing=7)]
    return book(G_BUTTER, '#1f5b57', a)


# --- stationery -------------------------------------------------------------

def notebook(x, y, t, f, w=300, h=420):
    d = mix(f, '#000000', .25)
    return G([R(10, 12, w, h, INK, opacity=.14, rx=12),
              R(0, 5, w + 7, h, d, rx=12), R(0, 5, w + 3, h - 3, '#efe6d2',
                                             rx=10),
              R(0, 0, w, h, f, rx=12), R(0, 0, 34, h, d, opacity=.5, rx=12),
              R(w - 46, 0, 9, h, d),
              R(w * .34, h * .2, w * .38, h * .15, CREAM, rx=3),
              L('M%.0f %.0fh%.0f' % (w * .39, h * .28, w * .28), d, 2)],
             'translate(%d %d) rotate(%d)' % (x, y, t))


@picture('cloth-notebook')
def _():
    a = [notebook(96, 150, -9, '#b4532d'), notebook(416, 116, 8, '#56703f')]
    a += [poly([(140, 560), (400, 584), (690, 552), (724, 880), (410, 918),
                (128, 886)], INK, opacity=.14),
          P('M112 548C220 528 330 540 396 566V886C320 862 210 856 104 870z',
            '#1d3552'),
          P('M680 540C580 522 460 540 396 566V886C470 862 590 850 692 862z',
            '#1d3552'),
          P('M122 540C220 522 330 534 396 560V872C320 850 210 846 116 858z',
            '#fbf5e6'),
          P('M670 532C580 516 460 534 396 560V872C470 850 590 840 680 850z',
            '#f5ecd7'), L('M396 560V872', '#d8ccb0', 3)]
    for r in range(11):
        for c in range(10):
            a.append(C(148 + c * 24, 570 + r * 25 - (4 - abs(c - 4)) * 1.2 +
                       c * .9, 1.8, '#b9ae96'))
            a.append(C(424 + c * 24, 578 + r * 25 - c * 1.9, 1.8, '#b9ae96'))
    a += [L('M396 560C404 660 380 760 396 872C400 900 386 920 394 946',
            RUBRIC, 10, stroke_linecap='butt')]
    return flat(G_SAND, a)


@picture('cloth-notebook-2')
def _():
    a = [E(400, 770, 300, 26, INK, opacity=.14)]
    for i, (f, dx, w) in enumerate((('#b4532d', 0, 500), ('#56703f', 24, 470),
                                    ('#1d3552', -16, 480),
                                    ('#b4532d', 46, 360),
                                    ('#1d3552', 76, 340),
                                    ('#56703f', 58, 350))):
        y = 690 - i * 78
        x = 150 + dx
        a += [R(x, y, w, 78, f, rx=10), R(x + 22, y + 10, w - 22, 58,
                                          '#f5ecd7'),
              R(x + 22, y + 24, w - 22, 2, '#d8ccb0'),
              R(x + 22, y + 38, w - 22, 2, '#d8ccb0'),
              R(x + 22, y + 52, w - 22, 2, '#d8ccb0'),
              R(x, y, 30, 78, mix(f, '#000000', .22), rx=10),
              P('M%d %dh22l-4 40-8-8-8 8z' % (x + w - 90, y + 66), RUBRIC)]
    a += [G([R(0, -9, 250, 18, BUTTER), poly([(250, -9), (286, 0), (250, 9)],
                                             '#e6d7b8'),
             poly([(276, -3), (288, 0), (276, 3)], INK), R(-34, -9, 34, 18,
                                                           PINK),
             R(-8, -9, 12, 18, '#b9b9b9')],
            'translate(270 290) rotate(-6)')]
    return stage(G_SAND, a)


@picture('cedar-pencils')
def _():
    a = [R(118, 202, 590, 660, INK, opacity=.13, rx=6),
         R(96, 180, 590, 660, '#c98f52', rx=6), R(110, 194, 562, 632,
                                                 '#8c5a2b')]
    for i in range(12):
        x = 117 + i * 46
        off = -46 if i in (4, 9) else 0
        a += [R(x, 310 + off, 13, 500 - (20 if off else 0), '#1b3b3a'),
              R(x + 13, 310 + off, 15, 500 - (20 if off else 0), '#2b6a70'),
              R(x + 28, 310 + off, 13, 500 - (20 if off else 0), '#1f4f53'),
              poly([(x, 312 + off), (x + 20, 218 + off), (x + 41,
                                                          312 + off)],
                   '#e2b57c'),
              P('M%d %dq6-16 13 0q8-16 15 0q6-16 13 0v8H%dz' % (
                  x, 312 + off, x), '#2b6a70'),
              poly([(x + 13, 250 + off), (x + 20, 218 + off), (x + 28,
                                                               250 + off)],
                   '#24262b'),
              R(x, 780 + off * .4, 41, 16, CREAM),
              R(x, 796 + off * .4, 41, 24, RUBRIC)]
    a += [R(96, 610, 590, 230, '#d9a569', rx=6),
          R(96, 610, 590, 12, '#efc48e'),
          T(391, 712, 'CEDAR PENCILS', 40, '#4a2c12', SERIF, spacing=8),
          T(391, 762, 'one dozen · Deckle & Co.', 26, '#4a2c12', SERIF,
            italic=True),
          crow(366, 786, .2, '#4a2c12', '#d9a569')]
    return flat(G_LEAF, a)


@picture('laid-letter-paper')
def _():
    a = [G([R(14, 18, 400, 520, INK, opacity=.12), R(0, 0, 400, 520,
                                                     '#fffaf0')] +
           [L('M0 %dH400' % y, '#f0e8d6', 2) for y in range(12, 520, 12)],
           'translate(250 100) rotate(9)'),
         G([R(12, 16, 400, 520, INK, opacity=.12), R(0, 0, 400, 520,
                                                     '#fbf4e3')] +
           [L('M0 %dH400' % y, '#efe5cf', 2) for y in range(12, 520, 12)] +
           [T(50, 92, 'Dear reader,', 40, INK, SERIF, 'start', italic=True),
            L('M50 140q30-14 60 0t60 0 60 0 60 0', '#51607a', 3.5),
            L('M50 180q24-12 48 0t48 0 48 0 48 0 48 0', '#51607a', 3.5),
            L('M50 220q28-13 56 0t56 0 56 0', '#51607a', 3.5)],
           'translate(140 110) rotate(-5)')]
    a += [G([R(14, 18, 520, 330, INK, opacity=.14), R(0, 0, 520, 330,
                                                      '#cfdcd6'),
             poly([(0, 330), (190, 150), (330, 150), (520, 330)], '#bfd0c8'),
             poly([(0, 0), (520, 0), (260, 200)], '#dde7e1'),
             L('M0 0L260 200 520 0', '#a9bdb3', 3),
             P('M214 190c-10-30 18-52 46-50s54 14 50 48-22 48-52 46-38-18-44-'
               '44z', RUBRIC), C(261, 188, 33, '#b3301b'),
             crow(242, 160, .32, '#e2664f', '#b3301b')],
            'translate(138 560) rotate(3)')]
    return flat(G_BLUSH, a)


@picture('school-fountain-pen')
def _():
    pen, dark, gold = '#245043', '#173930', '#d9b25f'
    a = [R(100, 120, 600, 760, '#fffaf0'), R(100, 120, 600, 760, 'none',
                                             stroke='#e8dfc8',
                                             stroke_width=3)]
    a += [L('M140 %dH660' % y, '#dfe6ea', 2) for y in range(190, 870, 44)]
    a += [L('M160 694C200 640 250 640 236 690S170 740 200 700 300 640 312 '
            '676 280 720 312 706C340 690 352 640 378 650S356 720 392 700',
            '#1f3a68', 6)]
    a += [G([P('M14 34L30-6 46 34z', INK, opacity=.14,
               transform='translate(16 14)'),
             P('M2 60C6 30 22 8 30-26C38 8 54 30 58 60z', gold),
             L('M30-24V34', '#8a6a24', 2.5), C(30, 38, 4.500, '#8a6a24'),
             R(2, 58, 56, 80, dark, rx=6), R(-2, 136, 64, 10, gold),
             R(-4, 146, 68, 300, pen, rx=8), R(-4, 146, 18, 300,
                                               '#35705e', rx=8),
             R(46, 146, 18, 300, dark, rx=8), R(10, 170, 34, 52, '#14293f',
                                                rx=6),
             P('M-2 440H62L52 500H8z', dark), R(6, 496, 48, 8, gold)],
            'translate(418 690) rotate(-140) translate(-30 20)')]
    a += [G([R(10, 14, 76, 250, INK, opacity=.14, rx=22),
             R(0, 0, 76, 250, pen, rx=22), R(0, 0, 20, 250, '#35705e',
                                             rx=10),
             R(0, 204, 76, 14, gold), R(44, 24, 11, 150, gold, rx=5),
             C(49, 176, 9, gold)], 'translate(180 250) rotate(-24)')]
    return flat(G_DUCK, a)


@picture('bottled-ink')
def _():
    def bottle(x, y, s, ink, name):
        return G([E(100, 268, 130, 16, INK, opacity=.13),
                  P('M0 90C0 76 8 70 20 68L64 56V30H136V56L180 68C192 70 200 '
                    '76 200 90V250C200 262 192 268 180 268H20C8 268 0 262 0 '
                    '250z', '#cfdde0'),
                  P('M12 116H188V246C188 252 184 256 178 256H22C16 256 12 252 '
                    '12 246z', ink),
                  R(12, 116, 22, 140, WHITE, opacity=.22),
                  R(52, -22, 96, 60, '#23262d', rx=8),
                  L('M68-16V32M84-16V32M100-16V32M116-16V32M132-16V32',
                    '#3b404a', 4),
                  R(44, 138, 112, 96, CREAM),
                  R(50, 144, 100, 84, 'none', stroke=ink, stroke_width=2),
                  T(100, 182, name, 21, ink, SERIF, italic=True),
                  T(100, 210, 'FIFTY ML', 12, ink, SERIF, spacing=2)],
                 'translate(%d %d) scale(%s)' % (x, y, s))
    a = [L('M160 230C240 150 300 300 390 210S560 170 640 250', '#1f2f5c', 22),
         L('M170 330C260 260 330 390 420 310S570 280 640 340', '#7c2233', 22),
         C(668, 262, 12, '#1f2f5c'), C(690, 282, 6, '#1f2f5c'),
         bottle(426, 500, 1.25, '#5f7f68', 'Sage'),
         bottle(116, 500, 1.25, '#7c2233', 'Oxblood'),
         bottle(260, 560, 1.4, '#1f2f5c', 'Midnight')]
    return stage(G_LILAC, a, level=720)


@picture('brass-paper-knife')
def _():
    a = [G([R(14, 18, 540, 350, INK, opacity=.13), R(0, 0, 540, 350,
                                                     '#f6e7d2'),
            poly([(0, 350), (200, 160), (340, 160), (540, 350)], '#ecd8bb'),
            P('M0 0H540L300 190Q270 210 240 190z', '#fdf3e2',
              stroke='#dcc6a4', stroke_width=2),
            P('M0 0l22-8 30 10 34-14 26 12 40-12 38 14 30-10 40 12 36-14 34 '
              '12 40-10 30 12 36-14 38 12 30-8 36 6z', '#fffaf2'),
            R(430, 40, 74, 88, TEAL), R(438, 48, 58, 72, '#dbe9e4'),
            crow(452, 60, .26, TEAL, '#dbe9e4'),
            L('M340 60q16-14 32 0t32 0M340 84q16-14 32 0t32 0', INK, 4)],
           'translate(120 420) rotate(-7)')]
    a += [G([P('M8 26C0 6 10-8 26-10L560 8C586 14 596 26 604 34C590 40 570 44'
               ' 556 44L26 62C10 60 2 48 8 26z', INK, opacity=.15,
               transform='translate(16 22)'),
             P('M8 26C0 6 10-8 26-10L560 8C586 14 596 26 604 34C590 40 570 44'
               ' 556 44L26 62C10 60 2 48 8 26z', '#c99a3d'),
             P('M10 20C12 2 20-8 30-9L560 9C582 14 592 24 602 32L220 24z',
               '#ecc873'),
             L('M170-4V55M184-3V54', '#8f6a20', 5),
             C(46, 26, 13, G_LEAF)],
            'translate(96 560) rotate(-32)')]
    return flat(G_LEAF, a)


# --- prints -------------------------------------------------------------------

@picture('print-the-crow-reading')
def _():
    k = '#17191d'
    a = [R(0, 0, 464, 620, '#f4ead2'), C(330, 130, 74, RUBRIC)]
    a += [P('M60 470C70 330 130 220 232 210C250 150 330 150 346 206C352 220 '
            '350 236 344 248L430 286C396 300 366 300 340 292C346 400 300 480 '
            '190 500L70 560 88 500z', k),
          C(304, 204, 13, '#f4ead2'), C(307, 206, 6, k)]
    rnd = random.Random(3)
    for i in range(44):
        x, y = 110 + (i % 8) * 27 + rnd.randint(-5, 5), 270 + (i // 8) * 36
        if (x - 220) ** 2 / 14000. + (y - 370) ** 2 / 16000. < 1:
            a.append(L('M%d %dq12 12 26 2' % (x, y), '#f4ead2',
                       rnd.choice((2, 3))))
    a += [L('M196 500V560M236 494V560M176 562h36M216 562h38', k, 8),
          G([poly([(0, 0), (110, 26), (110, 150), (0, 120)], RUBRIC),
             poly([(220, 0), (110, 26), (110, 150), (220, 120)], '#a92f1b'),
             poly([(8, -6), (110, 18), (212, -6), (212, 4), (110, 32),
                   (8, 4)], CREAM),
             L('M24 34l64 16M24 58l48 12M134 50l64-16', CREAM, 4)],
            'translate(220 380) rotate(-8)'),
          R(0, 574, 464, 46, k)]
    for x in range(10, 464, 22):
        a.append(L('M%d 596h%d' % (x, 10 + x % 9), '#f4ead2', 3))
    return sheet(G_DUCK, a)


@picture('print-phases-of-the-moon')
def _():
    sea, pale = '#1b2b52', '#e3e6ee'
    a = [R(0, 0, 464, 620, sea), ring(232, 300, 168, '#3a4d7d', 2),
         ring(232, 300, 104, '#3a4d7d', 2)]
    for i in range(16):
        t = math.radians(i * 22.5 - 90)
        x, y, r = 232 + 168 * math.cos(t), 300 + 168 * math.sin(t), 25
        p = i / 16.0
        k = math.cos(p * 2 * math.pi)      # 1 new, -1 full
        a.append(C(x, y, r, '#2b3d6d'))
        if i == 0:
            continue
        sw = 1 if p <= .5 else 0
        inner = (0 if (k > 0) == (sw == 1) else 1)
        a.append(P('M%.1f %.1fA%d %d 0 0 %d %.1f %.1fA%.1f %d 0 0 %d %.1f '
                   '%.1fz' % (x, y - r, r, r, sw, x, y + r, abs(k) * r, r,
                              inner, x, y - r), pale))
    a += [C(232, 300, 84, pale), C(206, 276, 17, '#cdd3e0'),
          C(262, 320, 25, '#cdd3e0'), C(222, 336, 11, '#cdd3e0'),
          C(258, 262, 9, '#cdd3e0')]
    rnd = random.Random(12)
    for _i in range(60):
        a.append(C(rnd.randint(14, 450), rnd.randint(14, 606),
                   rnd.choice((1.2, 1.6, 2.2)), '#aab6d6'))
    a += [T(232, 570, 'TWENTY-NINE AND A HALF DAYS', 16, pale, SERIF,
            spacing=4)]
    return sheet(G_LILAC, a)


@picture('print-a-fern-unfolding')
def _():
    a = [R(0, 0, 464, 620, '#f1efdc'), C(232, 260, 180, '#dfe6c3')]
    stem = []
    for i in range(110):
        u = i / 109.0
        if u < .58:
            x, y = 190 + 46 * math.sin(u * 2.2), 600 - u * 680
        else:
            v = (u - .58) / .42
            t = math.pi + v * 3.6 * math.pi
            r = 84 * max(0.0, 1 - v) ** 1.1 + 7
            cx, cy = 190 + 46 * math.sin(.58 * 2.2) + 91, 600 - .58 * 680
            x, y = cx + r * math.cos(t), cy + r * math.sin(t)
        stem.append((x, y))
    for i in range(14, 104, 4):
        (x, y), (x2, y2) = stem[i], stem[i + 1]
        t = math.degrees(math.atan2(y2 - y, x2 - x))
        u = i / 109.
        s = 1.3 * (1 - u) + .15 if u < .6 else .62 * (1 - u) * 1.4 + .12
        for side in (-1, 1):
            if u > .62 and side == 1:
                continue
            a.append(leaf(x, y, s, t + 90 + side * 74, MOSS if side < 0
                          else '#6d8f52'))
    a.append(L('M' + 'L'.join('%.1f %.1f' % q for q in stem), '#2f4d2b', 6))
    a.append(L('M120 620C128 560 110 520 84 500M84 500c-16-12-30 6-18 16s24-6'
               ' 14-12M330 620C322 570 340 540 362 530', '#2f4d2b', 5))
    return sheet(G_SAND, a)


@picture('print-harbour-at-six')
def _():
    a = [R(0, 0, 464, 620, '#f9d9b8'), C(330, 190, 58, '#f08a5d'),
         R(0, 400, 464, 220, '#5aa0ab')]
    cols = ('#d9593d', '#f2c75c', '#f4ead2', '#3f7f8c', '#e59a8c', '#7c9a5b',
            '#f4ead2', '#cf7a3a', '#5b6fa0', '#f2c75c', '#d9593d')
    rnd = random.Random(17)
    x = -6
    for i, c in enumerate(cols):
        w = 43
        h = rnd.randint(110, 190)
        a += [R(x, 400 - h, w, h, c),
              poly([(x - 2, 400 - h), (x + w / 2., 372 - h), (x + w + 2,
                                                              400 - h)],
                   ('#8a3b2c', '#40312c', '#5f4a3f')[i % 3])]
        for yy in range(int(400 - h) + 14, 380, 34):
            for xx in (x + 8, x + 25):
                a.append(R(xx, yy, 10, 16, INK if (xx * yy) % 5 else BUTTER))
        a.append(R(x, 400, w, 40 + h * .28, c, opacity=.35))
        x += w
    a.append(R(0, 396, 464, 10, '#5f4a3f'))
    for k, (bx, by, s, c) in enumerate(((90, 470, 1.1, RUBRIC),
                                        (250, 452, .8, WHITE),
                                        (370, 500, 1.3, INK),
                                        (180, 546, 1.4, '#f2c75c'),
                                        (40, 560, .9, TEAL))):
        a.append(G([P('M-40 0H44L30 20H-28z', c), L('M0 0V-66', INK, 3),
                    poly([(4, -62), (4, -8), (36, -8)], WHITE if c != WHITE
                         else PINK), L('M-36 28h26M4 30h34', CREAM, 3)],
                   'translate(%d %d) scale(%s)' % (bx, by, s)))
    return sheet(G_SKY, a)


# --- reading goods --------------------------------------------------------------

@picture('canvas-book-bag')
def _():
    a = [E(400, 862, 240, 20, INK, opacity=.14),
         L('M300 376C296 140 330 96 400 96S504 140 500 376', '#d8c49c', 24,
           stroke_linecap='butt'),
         G([R(0, 0, 104, 190, RUBRIC), R(0, 0, 18, 190, '#a92f1b'),
            R(34, 30, 52, 8, CREAM)], 'translate(262 250) rotate(-7)'),
         G([R(0, 0, 80, 170, TEAL), R(0, 0, 15, 170, '#1d5156'),
            R(28, 26, 40, 8, CREAM)], 'translate(376 256)'),
         G([R(0, 0, 92, 160, BUTTER), R(0, 0, 16, 160, HONEY),
            R(32, 26, 46, 8, INK)], 'translate(458 268) rotate(6)'),
         P('M190 370H610L636 846C636 858 628 864 616 864H184C172 864 164 858 '
           '164 846z', '#efe3c6'),
         P('M560 370H610L636 846C636 858 628 864 616 864H590z', '#e0d0aa'),
         R(190, 370, 420, 26, '#e0d0aa'),
         L('M194 404H606', '#c9b68c', 2.5, stroke_dasharray='9 7'),
         L('M284 360C286 440 286 450 286 470M516 360C514 440 514 450 514 470',
           '#d8c49c', 24, stroke_linecap='butt'),
         crow(352, 486, 1.45),
         T(400, 800, 'PILCROW', 34, INK, SERIF, spacing=12)]
    return stage(G_BLUSH, a, level=820)


@picture('enamel-mug')
def _():
    a = [E(390, 800, 230, 24, INK, opacity=.15),
         L('M566 480C690 470 700 690 556 684', '#e8e6df', 34),
         L('M566 480C690 470 700 690 556 684', '#1f4f7a', 6),
         P('M204 400H576L566 770C566 794 540 808 390 808S214 794 214 770z',
           '#fbfaf5'),
         P('M500 400H576L566 770C566 794 540 804 480 806C506 700 508 520 500 '
           '400z', '#e4e2da'),
         E(390, 400, 186, 40, '#1f4f7a'), E(390, 400, 170, 31, '#e9e7e0'),
         E(390, 408, 158, 24, '#a9672f'),
         E(352, 402, 40, 7, '#c98a4d'), crow(334, 512, 1.15, RUBRIC),
         L('M250 470q-4 120 2 220', WHITE, 14)]
    for x, h in ((310, 150), (390, 190), (470, 140)):
        a.append(L('M%d 350c-34-34 34-60 0-96s30-60 0-%d' % (x, h - 90),
                   WHITE, 12, opacity=.85))
    a += [G([R(0, 0, 250, 34, TEAL), R(8, 5, 242, 24, CREAM), R(0, 0, 22, 34,
                                                               '#1d5156')],
            'translate(70 826)'),
          G([R(0, 0, 230, 30, RUBRIC), R(8, 5, 222, 20, CREAM),
             R(0, 0, 20, 30, '#a92f1b')], 'translate(96 796)')]
    return stage(G_SKY, a, level=770)


def lamp(shade, dark, ground):
    brass, low = '#cf9f42', '#9a7122'
    a = [poly([(196, 360), (524, 360), (640, 830), (60, 830)], BUTTER,
              opacity=.34),
         E(560, 846, 130, 20, INK, opacity=.16),
         R(470, 816, 190, 26, low, rx=12), R(490, 800, 150, 22, brass, rx=10),
         R(555, 250, 18, 556, brass), R(567, 250, 6, 556, low),
         C(564, 240, 19, low), L('M564 240L356 190', brass, 15),
         C(564, 240, 9, BUTTER), L('M356 190V240', brass, 14),
         P('M180 366C186 270 270 224 356 224S530 270 536 366z', shade),
         P('M440 244C500 268 532 310 536 366H470C472 320 462 276 440 244z',
           dark), R(172, 362, 372, 16, brass, rx=8),
         L('M220 340C230 290 270 262 310 252', WHITE, 7, opacity=.5),
         C(356, 222, 13, low), E(358, 380, 54, 14, '#fff4cf'),
         L('M572 700q60 20 70 60t60 60', INK, 5), C(564, 560, 13, low)]
    a += [P('M100 800C190 770 280 776 340 806V836C280 812 190 806 90 832z',
            '#fffaf0'),
          P('M580 800C500 770 400 776 340 806V836C400 812 490 806 590 832z',
            '#f2e8d2'), L('M340 806V836', '#d2c5a6', 3),
          P('M90 832C190 806 280 812 340 836C400 812 490 806 590 832L592 842'
            'C490 820 400 824 340 848C280 824 190 820 88 842z', RUBRIC)]
    return stage(ground, a, level=760)


@picture('pharmacy-reading-lamp')
def _():
    return lamp('#2e6b4f', '#1f4e39', G_LEAF)


@picture('pharmacy-reading-lamp-2')
def _():
    return lamp('#2a2c33', '#17181d', G_SAND)


@picture('reading-blanket')
def _():
    def check(x, y, w, h):
        z = [R(0, 0, 400, 300, '#e9d9bd')]
        for k in range(0, 400, 80):
            z += [R(k, 0, 34, 300, RUST, opacity=.75),
                  R(k + 52, 0, 6, 300, '#2d4a6b')]
        for k in range(0, 300, 80):
            z += [R(0, k, 400, 34, RUST, opacity=.55),
                  R(0, k + 52, 400, 6, '#2d4a6b')]
        return box(x, y, w, h, 400, 300, z)
    a = [E(400, 800, 310, 28, INK, opacity=.14)]
    for i, y in enumerate((700, 610, 520)):
        a += [check(120 + i * 6, y, 560 - i * 12, 86),
              R(120 + i * 6, y + 74, 560 - i * 12, 12, INK, opacity=.14)]
    a += [check(132, 420, 536, 104)]
    for i in range(44):
        a.append(L('M%d 786q3 14 %d 26' % (126 + i * 12.6, (i * 7) % 5 - 2),
                   ('#e9d9bd', RUST, '#2d4a6b')[i % 3], 4))
    a += [G([R(0, 0, 240, 40, INK, rx=3), R(10, 6, 230, 28, CREAM),
             R(0, 0, 20, 40, '#0b1826', rx=3), P('M200 34h18v40l-9-9-9 9z',
                                                 RUBRIC)],
            'translate(214 380)'),
          L('M300 372q-26-26 10-32h92q36 6 10 32', '#5a3a22', 6),
          ring(318, 356, 25, '#5a3a22', 6), ring(394, 356, 25, '#5a3a22', 6)]
    return stage(G_SKY, a, level=740)


@picture('cast-iron-bookends')
def _():
    iron, hi = '#2a2d33', '#4b505a'
    a = [E(400, 802, 350, 18, INK, opacity=.15)]

    def end(t):
        return G([R(-30, 306, 150, 22, iron, rx=4),
                  P('M96 0H36C-14 0-46 36-46 84S-14 166 36 166V306H62V26H76'
                    'V306H102V0z', iron),
                  P('M36 12C-2 12-32 44-32 84', 'none', stroke=hi,
                    stroke_width=8, stroke_linecap='round'),
                  C(18, 74, 11, '#c9c5ba')], t)
    x = 240
    for w, h, c, b in ((44, 300, RUBRIC, CREAM), (36, 270, '#f2c75c', INK),
                       (52, 320, '#23415f', BUTTER), (30, 256, CREAM, RUBRIC),
                       (46, 290, MOSS, CREAM), (38, 310, PLUM, PINK),
                       (44, 276, TEAL, CREAM), (30, 300, '#e59a8c', INK)):
        a += [R(x, 800 - h, w, h, c), R(x, 800 - h + 30, w, 7, b),
              R(x, 800 - h + 44, w, 3, b), R(x, 740, w, 7, b),
              R(x + w - 5, 800 - h, 5, h, INK, opacity=.16)]
        x += w
    a += [end('translate(136 474)'), end('translate(664 474) scale(-1 1)')]
    return stage(G_BUTTER, a, level=760)


@picture('letterpress-bookmarks')
def _():
    a = []
    sets = ((RUBRIC, CREAM), (INK, BUTTER), ('#2b6a70', CREAM),
            (BUTTER, RUBRIC), (CREAM, INK), (PLUM, PINK))
    for i, (f, c) in enumerate(sets):
        z = [R(8, 8, 118, 620, INK, opacity=.16), R(0, 0, 118, 620, f),
             R(10, 10, 98, 600, 'none', stroke=c, stroke_width=2),
             C(59, 34, 9, G_DUCK),
             L('M59 34C50-10 70-30 56-70M59 34C70-6 52-30 66-62', RUBRIC if
               f != RUBRIC else INK, 4)]
        for r in range(9):
            for q in range(2):
                x, y = 34 + q * 50, 84 + r * 56
                z.append({0: ring(x, y, 18, c, 4) + C(x, y, 6, c),
                          1: poly([(x, y - 22), (x + 20, y), (x, y + 22),
                                   (x - 20, y)], c) + C(x, y, 6, f),
                          2: leaf(x, y + 24, .8, 30 if q else -30, c),
                          3: L('M%d %dq12-24 24 0t24 0' % (x - 24, y), c, 5),
                          4: L('M%d %dh36M%d %dv36' % (x - 18, y, x, y - 18),
                               c, 4) + ring(x, y, 9, c, 3),
                          5: P('M%d %da20 20 0 0 1 40 0z' % (x - 20, y + 10),
                               c)}[i])
        a.append(G(z, 'translate(400 1060) rotate(%d) scale(.94) '
                   'translate(-59 -900)' % (-25 + i * 10)))
    return flat(G_DUCK, a)


@picture('beech-book-stand')
def _():
    wood, dark = '#d9a56b', '#a97743'
    a = [E(400, 826, 290, 24, INK, opacity=.15),
         poly([(220, 260), (580, 260), (650, 790), (150, 790)], dark),
         poly([(236, 240), (564, 240), (628, 760), (172, 760)], wood),
         L('M300 250L262 750M400 250V750M500 250L538 750', '#c8935a', 3),
         P('M160 690C240 650 340 650 400 690V360C340 320 250 316 190 336z',
           '#fffaf0'),
         P('M640 690C560 650 460 650 400 690V360C460 320 550 316 610 336z',
           '#f5ecd8'), L('M400 360V690', '#d2c5a6', 3),
         G([C(0, 0, 56, '#cf8c45'), C(0, 0, 44, '#e2b06c'),
            L('M-24-20q24 20 0 42M0-28q22 28 0 56M24-22q12 22 0 44', CREAM,
              5)], 'translate(290 440)')]
    for i in range(5):
        a.append(L('M216 %dq80-22 150 4' % (540 + i * 26), '#b7aa90', 4))
    for i in range(10):
        a.append(L('M434 %dq80-26 160-8' % (416 + i * 26),
                   '#b7aa90' if i else RUBRIC, 4 if i else 7))
    a += [R(120, 730, 560, 60, wood, rx=10), R(120, 772, 560, 20, dark,
                                              rx=10),
          L('M230 734V680M570 734V680', '#c99a3d', 11), C(230, 676, 9,
                                                          '#ecc873'),
          C(570, 676, 9, '#ecc873')]
    return stage(G_LEAF, a, level=780)


@picture('gift-card')
def _():
    a = [G([R(16, 20, 560, 390, INK, opacity=.14), R(0, 0, 560, 390,
                                                     '#e2c9a0'),
            poly([(0, 0), (560, 0), (280, 220)], '#edd8b4')],
           'translate(112 470) rotate(-6)'),
         G([R(12, 16, 520, 330, INK, opacity=.2, rx=18),
            R(0, 0, 520, 330, '#1b3152', rx=18),
            R(14, 14, 492, 302, 'none', rx=10, stroke='#c9a85a',
              stroke_width=2.5),
            crow(78, 84, 1.0, RUBRIC, '#1b3152'),
            T(230, 150, 'PILCROW', 46, CREAM, SERIF, 'start', 8),
            T(230, 196, 'a gift for a reader', 27, '#e9cf8e', SERIF, 'start',
              italic=True), L('M230 236H460', '#c9a85a', 2)],
           'translate(150 240) rotate(5)'),
         G([poly([(0, 390), (230, 170), (330, 170), (560, 390)], '#d3b583'),
            poly([(0, 0), (270, 230), (0, 390)], '#dcc093'),
            poly([(560, 0), (290, 230), (560, 390)], '#dcc093'),
            P('M0 390L262 186Q280 176 298 186L560 390z', '#e8cfa6')],
           'translate(112 470) rotate(-6)')]
    return flat(G_BUTTER, a)


# --- the shop's own -----------------------------------------------------------

def hero():
    a = [R(-200, 0, 1160, 600, '#1b3350')]
    # wallpaper, window, moon
    for i in range(-200, 980, 40):
        a.append(L('M%d 0V470' % i, '#20395a', 8, stroke_linecap='butt'))
    a += [R(96, 50, 236, 300, '#e9dfc8'), R(110, 64, 208, 272, '#0f2038'),
          C(252, 134, 40, '#f6eecf'), C(238, 124, 8, '#e4d9ae'),
          C(264, 146, 11, '#e4d9ae')]
    for x, y in ((130, 96), (156, 180), (186, 90), (206, 214), (140, 240),
                 (296, 208), (174, 134), (290, 86)):
        a.append(C(x, y, 2.2, '#f6eecf'))
    a += [P('M110 300l20-14 26 8 18-30 8 26 30-8 22 10 14-40 12 36 20-6 38 16'
            'v38H110z', '#091526'),
          R(208, 64, 12, 272, '#e9dfc8'), R(110, 194, 208, 12, '#e9dfc8'),
          R(80, 346, 268, 20, '#f7f0e1')]
    # the pool of light
    a += [poly([(410, 164), (620, 164), (760, 490), (240, 490)], '#f4cf72'),
          poly([(436, 164), (594, 164), (690, 490), (310, 490)], '#f8dd94')]
    a += [R(-200, 486, 1160, 114, '#7a4c2e'),
          R(-200, 486, 1160, 12, '#94603c'),
          L('M-200 530H960M-200 566H960', '#6d4227', 3)]
    # the lamp
    a += [R(636, 468, 96, 20, '#9a7122', rx=9), R(678, 70, 12, 402,
                                                  '#cf9f42')]
    a.append(G([
          C(684, 112, 14, '#9a7122'), L('M684 112L516 84', '#cf9f42', 11),
          L('M516 84V112', '#cf9f42', 11),
          P('M400 216C404 146 452 104 516 104S628 146 632 216z', RUBRIC),
          P('M572 118C612 140 630 176 632 216H586C588 178 584 144 572 118z',
            '#a92f1b'), R(394, 212, 244, 11, '#cf9f42', rx=5),
          L('M428 196C434 160 458 136 484 128', '#f6b3a4', 5),
          E(516, 226, 40, 9, '#fff4cf')], 'translate(0 -50)'))
    # books
    y = 486
    for w, h, x, f, c in ((300, 40, 366, '#2b6a70', CREAM),
                          (268, 34, 386, '#7c9a5b', CREAM),
                          (284, 44, 370, '#553350', PINK)):
        y -= h
        a += [R(x, y, w, h, f, rx=4), R(x + w - 110, y + 5, 106, h - 10,
                                        '#f4ead2'),
              L('M%d %dh100' % (x + w - 108, y + h // 2), '#d8ccb0', 2),
              R(x + 22, y + h // 2 - 4, 96, 8, c), R(x + 8, y, 5, h, c)]
    # the crow, with a book of its own
    a += [crow(470, 188, 1.08, '#0b1420', '#f6eecf')]
    a += [G([poly([(0, 0), (50, 12), (50, 66), (0, 54)], '#e9dfc8'),
             poly([(100, 0), (50, 12), (50, 66), (100, 54)], '#fffaf0'),
             L('M10 16l30 7M10 28l24 6M60 24l30-8M60 36l30-8', '#a99f88', 3)],
            'translate(378 302) rotate(-4)')]
    a += [G([R(0, 0, 34, 132, RUBRIC), R(0, 14, 34, 6, CREAM),
             R(36, 14, 26, 118, '#7c9a5b'), R(36, 30, 26, 6, CREAM),
             R(64, -10, 40, 142, '#e6d7b8'), R(64, 10, 40, 6, INK),
             R(106, 6, 30, 126, '#a8cbd8'), R(106, 24, 30, 5, INK),
             G([R(0, 0, 30, 124, HONEY), R(0, 18, 30, 6, CREAM)],
               'translate(150 4) rotate(14)')], 'translate(56 354)'),
          # tea
          P('M256 436H316C316 470 306 486 286 486S256 470 256 436z', CREAM),
          L('M316 444c20-2 20 26-4 26', CREAM, 7), E(286, 437, 30, 6,
                                                     '#a9672f'),
          L('M276 420c-8-12 8-18 0-32M296 420c-8-12 8-18 0-32', '#e9dfc8', 4,
            opacity=.7)]
    return ''.join(a)


def svg(inner, w, h, vb=None):
    return ('<svg xmlns="http://www.w3.org/2000/svg" width="%s" height="%s" '
            'viewBox="%s">%s</svg>\n' % (w, h, vb or '0 0 %s %s' % (w, h),
                                         inner))


# The word is drawn, letter by letter, so that it needs no font.
LETTERS = {
    'P': (20, 'M3 0V30M3 1.5H11A7.500 7.500 0 0 1 11 16.500H3'),
    'I': (9, 'M4.500 0V30'),
    'L': (18, 'M3 0V28.500H17'),
    'C': (26, 'M23.500 6A13 13.500 0 1 0 23.500 24'),
    'R': (21, 'M3 0V30M3 1.5H11A7.500 7.500 0 0 1 11 16.500H3M10 16.500L19 '
              '30'),
    'O': (31, ''),
    'W': (33, 'M2 0L9.500 28 16.500 4 23.500 28 31 0'),
}


def word(x, y, f, s=.72, gap=7):
    out = []
    for c in 'PILCROW':
        w, d = LETTERS[c]
        if c == 'O':
            out.append('<g transform="translate(%s)">%s</g>' % (
                n(float(x)), ring(15, 15, 13.500, f, 3)))
        else:
            out.append(G(L(d, f, 3, stroke_linecap='butt'),
                         'translate(%s)' % n(float(x))))
        x += w + gap
    return G(out, 'translate(0 %s) scale(%s)' % (y, s))


def raster(text, path):
    from PIL import Image
    png = subprocess.run(['rsvg-convert', '--format=png'], check=True,
                         input=text.encode(), stdout=subprocess.PIPE)
    im = Image.open(io.BytesIO(png.stdout)).convert('RGB')
    im = im.quantize(96, method=Image.Quantize.MEDIANCUT,
                     dither=Image.Dither.NONE)
    im.save(path, optimize=True)


def marks(out):
    raster(svg(hero(), 1200, 630, '-192 0 1144 600'),
           os.path.join(out, 'og.png'))
    files = {
        'hero.svg': svg(hero(), 760, 600),
        'mark.svg': svg(crow(24, 3, .68, RUBRIC), 100, 122),
        'logo.svg': svg(crow(9, 3, .225, RUBRIC) +
                               word(79, 13, INK, .58), 168, 44),
        'logo-dark.svg': svg(crow(9, 3, .225, '#f08a70', '#121c28') +
                                    word(79, 13, '#f1ede2', .58), 168, 44),
        '../favicon.svg': svg(R(0, 0, 64, 64, RUBRIC, rx=13) +
                           crow(20.5, 8.5, .28, CREAM, RUBRIC), 64, 64),
    }
    for name, text in files.items():
        with open(os.path.join(out, name), 'w') as f:
            f.write(text)


def main(argv):
    here = os.path.dirname(os.path.abspath(__file__))
    out = os.path.join(here, '..', 'htdocs', 'images')
    keep = '-s' in argv
    argv = [a for a in argv if a != '-s']
    if '-o' in argv:
        i = argv.index('-o')
        out = argv[i + 1]
        del argv[i:i + 2]
    os.makedirs(out, exist_ok=True)
    for name in argv or sorted(PICTURES):
        text = svg(PICTURES[name](), W, H)
        if keep:
            with open(os.path.join(out, name + '.svg'), 'w') as f:
                f.write(text)
        raster(text, os.path.join(out, name + '.png'))
    if not argv:
        marks(out)
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
