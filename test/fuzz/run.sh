#!/bin/sh
# Fuzzes the readers of the pure cores:  test/fuzz/run.sh SECONDS [TARGET...]
# Each target runs for SECONDS under AddressSanitizer and UBSan; what it finds stays in the folder that is
# printed.  The corpus beside this script is only read.  Needs clang with libFuzzer ($CLANG to choose one).
set -eu
seconds=${1:?usage: run.sh SECONDS [TARGET...]}
shift
here=$(cd "$(dirname "$0")" && pwd)
src=$here/../../src
build=$(mktemp -d "${TMPDIR:-/tmp}/billing-fuzz.XXXXXX")
[ $# -gt 0 ] || set -- tariff_text tariff_json tariff_binary lifecycle_text lifecycle_json lifecycle_binary
for target; do
	kernel=${target%%_*}
	# lifecycle policies are refused in the words of tariffs
	[ "$kernel" = tariff ] && shared= || shared=$src/tariff_core.c
	${CLANG:-clang} -std=gnu99 -g -O1 -Wall -Wextra -Werror -fno-wrapv \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
		-I"$src" -I"$here" -o "$build/$target" "$here/fuzz_$target.c" \
		"$src"/decimal_core.c ${shared:+"$shared"} "$src/$kernel"_*core.c 2>"$build/$target.log" ||
		{ cat "$build/$target.log" >&2; exit 1; }
	seeds=$here/corpus/$target
	[ -d "$seeds" ] || seeds=$here/corpus/${target#"$kernel"_}
	mkdir -p "$build/corpus_$target"
	dictionary=$here/$target.dict
	"$build/$target" -max_total_time="$seconds" -max_len=4096 -artifact_prefix="$build/" -print_final_stats=1 \
		$([ -f "$dictionary" ] && echo "-dict=$dictionary") \
		"$build/corpus_$target" "$seeds" >"$build/$target.log" 2>&1 ||
		{ tail -n 40 "$build/$target.log" >&2; echo "fuzz $target: FAILED, see $build" >&2; exit 1; }
	echo "fuzz $target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$build/$target.log") runs, nothing found"
done
rm -rf "$build"
