# SPDX-License-Identifier: Apache-2.0
# One picture for gnuplot: throughput at the left, CPU at the right, a curve for each contender with the least
# and the most of its runs. Given by -e: data, picture, heading, origin, whos, across, cpu (words);
# logs_left, logs_right: the axes that are logarithmic there; reach: settings of the x axis; marks: its tics,
# where they want words of their own.

set terminal svg size 960,430 dynamic font 'DejaVu Sans,Helvetica,sans-serif,13' background '#ffffff'
set output picture
set datafile separator '\t'
set datafile missing '-'
set multiplot

set label 1 '{/*1.15:Bold '.heading.'}' at screen 0.075,0.95 left
set label 2 origin at screen 0.075,0.89 left textcolor '#606060' font ',11' noenhanced
set border 3 linecolor '#909090'
set tics nomirror textcolor '#404040'
set grid ytics linecolor '#e4e4e4' linewidth 1
set xlabel across
set tmargin at screen 0.78
set bmargin at screen 0.27
set bars 0.5
set nomxtics
set nomytics
set format y '%h'

name(who) = who eq 'tcp' ? 'TCP' : who eq 'mptcp' ? 'MPTCP' : 'hawser, '.who
colour(who) = who eq 'tcp' ? 0x707070 : who eq 'mptcp' ? 0xd97706 : who eq 'stripe' ? 0x2a9d5c : 0x1f5fbf
shape(who) = who eq 'tcp' ? 7 : who eq 'mptcp' ? 5 : who eq 'stripe' ? 9 : 13
mine(who) = stringcolumn(1) eq who ? column(2) : NaN

# Of axes that are not logarithmic the least is 0.
set lmargin at screen 0.075
set rmargin at screen 0.475
if (logs_left ne '') {
	eval 'set logscale '.logs_left
}
if (strstrt(logs_left, 'y') == 0) {
	set yrange [0:*]
} else {
	set yrange [*:*]
}
if (exists('marks')) {
	eval 'set xtics ('.marks.')'
}
eval reach
unset key
do for [i = 1:words(whos)] {
	set label 10 + i name(word(whos, i)) at screen 0.08 + 0.17 * (i - 1),0.05 left offset 1,0 \
		point pointtype shape(word(whos, i)) pointsize 0.8 linecolor rgb colour(word(whos, i))
}
set label 3 'throughput, Mb/s' at screen 0.075,0.82 left
plot for [i = 1:words(whos)] data using (mine(word(whos, i))):3:4:5 with yerrorlines \
	linecolor rgb colour(word(whos, i)) linewidth 1.8 pointtype shape(word(whos, i)) pointsize 0.6

unset label
unset logscale
set lmargin at screen 0.575
set rmargin at screen 0.975
if (logs_right ne '') {
	eval 'set logscale '.logs_right
}
if (strstrt(logs_right, 'y') == 0) {
	set yrange [0:*]
} else {
	set yrange [*:*]
}
set label 3 cpu at screen 0.575,0.82 left
plot for [i = 1:words(whos)] data using (mine(word(whos, i))):6:7:8 with yerrorlines \
	linecolor rgb colour(word(whos, i)) linewidth 1.8 pointtype shape(word(whos, i)) pointsize 0.6
unset multiplot
