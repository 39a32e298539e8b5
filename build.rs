//! Lets the server be built without Node: the folder of the built web app exists, empty at worst,
//! and a change of it builds the binary anew (the files in it are part of the binary).

fn main() {
    let dist = "clients/web/dist";
    // Where it cannot be made the compiler names the missing folder, which says it better.
    let _ = std::fs::create_dir_all(dist);
    println!("cargo:rerun-if-changed={dist}");
}
