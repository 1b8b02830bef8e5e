-- Blocks, percent, minimum, maximum and digits of a tariff.
SET search_path = billing;

-- A started block counts, or, with round down, does not.
SELECT q, rate('graduated per 100 block 100: 1 beyond', q) AS up, rate('graduated per 100 block 100 round down: 1 beyond', q) AS down,
	   rate('graduated block 1000: 0.002 beyond', q) AS block_of_1000, rate('graduated per 7 block 7: 1 beyond', q) AS sevenths
FROM unnest(ARRAY[0, 0.001, 7, 50, 100, 100.000000000000000000001, 250, 300, 1e30, 1e45]) q;

-- Inside each tier: its last block may be a started one.  With volume the whole quantity is rounded.
SELECT q, rate('graduated: 5 per 10 block 10 up to 25, 1 beyond', q) AS first, rate('graduated block 10 per 10: 5 up to 25, 1 beyond', q) AS both,
	   rate('graduated block 10 round down per 10: 5 up to 25, 1 beyond', q) AS both_down,
	   rate('volume block 10 per 10: 5 up to 25, 1 beyond', q) AS volume,
	   rate('graduated bounds lower block 10 per 10: 5 up to 25, flat 100 + 1 beyond', q) AS bounds_lower,
	   rate('graduated free 5 block 10 per 10: 5 up to 25, 1 beyond', q) AS free
FROM unnest(ARRAY[1, 10, 11, 25, 25.5, 30, 35, 36]) q;
SELECT * FROM rate_lines('graduated block 10 per 10: 5 up to 25, flat 3 + 1 beyond', 36);
SELECT * FROM rate_lines('volume block 10 round down per 10: 5 up to 25, flat 3 + 1 beyond', 36);
SELECT rate_between('graduated per 10 block 10: 1 beyond', 5, 5) AS same_block, rate_between('graduated per 10 block 10: 1 beyond', 5, 6) AS next_block;

-- Percent.
SELECT rate('graduated: 2.9% beyond', 1000) AS percent, rate('graduated: flat 0.30 + 2.9% beyond', 1000) AS with_a_fee,
	   rate('graduated: 5% per 100 beyond', 1000) AS of_a_hundredth;

-- Minimum and maximum are of the whole, once anything is billed; zero flat makes the minimum due at 0.
SELECT q, rate('graduated min 5 max 50: 1 beyond', q) AS both, rate('graduated min 5 zero flat: 1 beyond', q) AS zero_flat,
	   rate('volume free 10 min 5: 1 beyond', q) AS free, rate('graduated min 5 max 5: 1 beyond', q) AS fixed
FROM unnest(ARRAY[0, 0.001, 5, 5.5, 10, 10.5, 49.9, 50.1, 1e45]) q;

-- Digits, last of all.
SELECT q, rate('graduated digits 2: 1 beyond', q) AS half_up, rate('graduated digits 2 half even: 1 beyond', q) AS half_even,
	   rate('graduated digits 2 up: 1 beyond', q) AS up, rate('graduated digits 2 down: 1 beyond', q) AS down,
	   rate('graduated digits 0: 1 beyond', q) AS whole, rate('graduated digits 2 up max 1.001: 1 beyond', q) AS max_then_digits,
	   rate('graduated digits 0: 1 beyond', q, 2) AS rounded_twice
FROM unnest(ARRAY[0, 0.005, 0.0050000000001, 0.015, 0.07, 0.0701, 2.5, 1e-60, 1e40 + 0.005, 1e40 + 0.015, 1e40 + 0.0151]) q;

-- A line of tier 0 tells what these change.
SELECT 'min' AS knob, * FROM rate_lines('graduated min 20: 1 up to 10, 2 beyond', 12)
UNION ALL SELECT 'max', * FROM rate_lines('graduated max 10: 1 up to 10, 2 beyond', 12)
UNION ALL SELECT 'digits', * FROM rate_lines('graduated digits 1: 1.23 beyond', 1)
UNION ALL SELECT 'nothing', * FROM rate_lines('graduated min 1 max 20 digits 1: 1.5 beyond', 1)
UNION ALL SELECT 'not entered', * FROM rate_lines('graduated min 1: 1.5 beyond', 0);
SELECT rate_between('graduated min 20: 1 beyond', 0, 12) AS first, rate_between('graduated min 20: 1 beyond', 12, 12) AS next;

-- What a block makes of a hard end, and what does not fit.
SELECT rate('graduated block 10: 1 up to 25', 25);
SELECT rate('graduated block 10: 1 up to 25', 25.5);
SELECT 'graduated block 12345678901234567890123456789012345678: 12345678901 beyond'::tariff;
-- what is wide on the way only is not
SELECT rate('graduated per 7 block 30000000000000000000000000: 65687622193.76 beyond', 1);

-- The largest quantity whose price is not above an amount.
\pset null unlimited
SELECT a, quantity_for('graduated: 1 up to 10, 2 beyond', a) AS graduated, quantity_for('volume: 5 up to 10, 3 up to 15, 1 up to 20', a) AS volume,
	   quantity_for('graduated: 3 beyond', a) AS thirds, quantity_for('graduated: 3 beyond', a, 0) AS whole,
	   quantity_for('graduated per 10 block 10: 4 beyond', a) AS blocks, quantity_for('graduated per 10 block 10 round down: 4 beyond', a, 1) AS blocks_down,
	   quantity_for('graduated digits 0: 1 beyond', a, 3) AS digits
FROM unnest(ARRAY[0, 0.5, 1, 3.999, 4, 10, 12, 100, 1e40]) a;
SELECT a, quantity_for('graduated free 10: 1 beyond', a) AS free, quantity_for('graduated free 10 threshold: 1 beyond', a) AS threshold,
	   quantity_for('graduated zero flat free 5: flat 7 + 1 beyond', a) AS zero_flat, quantity_for('graduated min 5 max 50: 1 beyond', a) AS limits,
	   quantity_for('graduated bounds lower: 1 up to 10, flat 7 + 1 beyond', a, 3) AS bounds_lower, quantity_for('graduated: flat 5 beyond', a) AS flat,
	   quantity_for('graduated: 0 up to 10, 1 beyond', a) AS free_tier, quantity_for('graduated: 1 up to 10', a) AS hard_end
FROM unnest(ARRAY[0, 5, 7, 10, 17, 50, 1e40]) a;
SELECT quantity_for('graduated: 1 beyond', -1);
SELECT quantity_for('graduated: 1 beyond', 'NaN');
SELECT quantity_for('graduated: 1 beyond', 1, -1);
SELECT quantity_for(NULL, 1), quantity_for('graduated: 1 beyond', NULL);
