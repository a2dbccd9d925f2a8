//! A component without a Plugbay import or export, with parameters and results of most types.

wit_bindgen::generate!({
    inline: "
        package acme:geometry@1.2.0;

        interface shapes {
            record point { x: f64, y: f64 }
            variant shape { circle(f64), rectangle(tuple<f64, f64>), nothing }
            enum colour { red, green, blue }
            flags sides { top, right, bottom, left }

            area: func(shape: shape) -> result<f64, string>;
            distance: func(a: point, b: point) -> f64;
            centre: func(points: list<point>) -> option<point>;
            mix: func(a: colour, b: colour) -> colour;
            opposite: func(sides: sides) -> sides;
        }

        world geometry {
            export shapes;
            export add: func(a: u32, b: u32) -> u32;
            export greet: func(name: string, times: option<u8>) -> string;
            export swap: func(pair: tuple<s64, char>) -> tuple<char, s64>;
            export spin: func();
            export break-down: func(why: string);
            export hoard: func() -> u64;
        }
    ",
    world: "geometry",
});

use exports::acme::geometry::shapes::{Colour, Guest as Shapes, Point, Shape, Sides};

struct Geometry;

impl Shapes for Geometry {
    fn area(shape: Shape) -> Result<f64, String> {
        match shape {
            Shape::Circle(radius) if radius < 0.0 => Err(format!("no circle has the radius {radius}")),
            Shape::Circle(radius) => Ok(std::f64::consts::PI * radius * radius),
            Shape::Rectangle((width, height)) => Ok(width * height),
            Shape::Nothing => Ok(0.0),
        }
    }

    fn distance(a: Point, b: Point) -> f64 {
        (a.x - b.x).hypot(a.y - b.y)
    }

    fn centre(points: Vec<Point>) -> Option<Point> {
        let count = points.len() as f64;
        let sum = points.into_iter().reduce(|a, b| Point { x: a.x + b.x, y: a.y + b.y })?;
        Some(Point { x: sum.x / count, y: sum.y / count })
    }

    fn mix(a: Colour, b: Colour) -> Colour {
        if a == b { a } else { Colour::Blue }
    }

    fn opposite(sides: Sides) -> Sides {
        Sides::all() ^ sides
    }
}

impl Guest for Geometry {
    fn add(a: u32, b: u32) -> u32 {
        a.wrapping_add(b)
    }

    fn greet(name: String, times: Option<u8>) -> String {
        vec![format!("Hello, {name}!"); usize::from(times.unwrap_or(1))].join(" ")
    }

    fn swap((number, letter): (i64, char)) -> (char, i64) {
        (letter, number)
    }

    fn spin() {
        loop {
            std::hint::black_box(0);
        }
    }

    fn break_down(why: String) {
        panic!("{why}");
    }

    fn hoard() -> u64 {
        let mut kept: Vec<Vec<u8>> = Vec::new();
        loop {
            kept.push(std::hint::black_box(vec![1; 1 << 20]));
        }
    }
}

export!(Geometry);
