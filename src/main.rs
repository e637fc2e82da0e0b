//! argv in, exit code out.

fn main() -> tradeops::cli::Exit {
    tradeops::cli::main()
}
