#!/bin/sh
# RUSTC_WORKSPACE_WRAPPER of `make fuzz`: has the library, and nothing else, count what is covered and
# tell its comparisons. So the dependencies are those that are built already.
case " $* " in
*" --crate-name portcullis "*" --crate-type lib "*)
    exec "$@" --cfg fuzzing -Ccodegen-units=1 -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
        -Cllvm-args=-sanitizer-coverage-trace-compares
    ;;
*) exec "$@" ;;
esac
