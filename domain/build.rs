fn main() {
    // The migrations are embedded, and cargo does not see that by itself.
    println!("cargo:rerun-if-changed=../migrations");
}
