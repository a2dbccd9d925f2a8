//! Imports an interface that no host implements.

wit_bindgen::generate!({
    inline: "
        package acme:rocket@1.0.0;
        interface engine { ignite: func() -> bool; }
        world rocket { import engine; }
    ",
});

plugbay_guests::attack!(|_| acme::rocket::engine::ignite().into());
