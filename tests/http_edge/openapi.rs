//! The document and the server say the same.

use serde_json::Value;

use crate::rig::Rig;

#[tokio::test(flavor = "multi_thread")]
async fn every_route_of_the_document_is_served() {
    let rig = Rig::start().await;
    let document = rig.get("/api/v1/openapi.json").await.expect(200).json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut walked = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        let address = path
            .replace("{room}", "none")
            .replace("{id}", "k")
            .replace("{seq}", "1")
            .replace("{slug}", "none")
            .replace("{resource}", "x.y")
            .replace("{stream}", "1");
        for (method, operation) in methods.as_object().unwrap() {
            let said = rig.ask(&method.to_uppercase(), &address).send().await;
            walked += 1;
            // A route that is not there is 404 "address" or 405.
            assert_ne!(said.status, 405, "{method} {path}");
            let is_route = said.status != 404 || !said.text.contains("no such address");
            assert!(is_route, "{method} {path}: {}", said.text);
            let responses = operation["responses"].as_object().unwrap();
            let status = said.status.to_string();
            assert!(
                responses.contains_key(&status) || responses.contains_key("default"),
                "{method} {path} answered {status}, which the document does not have"
            );
            assert!(
                operation["summary"].is_string(),
                "{method} {path} says what it is for"
            );
        }
    }
    assert_eq!(walked, 86);
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_shape_that_is_named_is_described() {
    let rig = Rig::start().await;
    let document = rig.get("/api/v1/openapi.json").await.json();
    let mut wanted = Vec::new();
    references(&document, &mut wanted);
    assert!(wanted.len() > 30, "{}", wanted.len());
    for reference in wanted {
        let pointer = reference.trim_start_matches('#');
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    let codes = document
        .pointer("/components/schemas/Code/enum")
        .expect("the codes");
    assert_eq!(codes.as_array().unwrap().len(), protocol::Code::ALL.len());
    for operation in document["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|it| it.as_object().unwrap().values())
    {
        let problem = operation["responses"]["default"].is_null();
        let open = operation["tags"][0] == "server";
        assert!(!problem || open, "errors have their shape: {operation}");
    }
    rig.end().await;
}

fn references(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                if key == "$ref" {
                    out.push(value.as_str().unwrap().to_owned());
                }
                references(value, out);
            }
        }
        Value::Array(list) => list.iter().for_each(|it| references(it, out)),
        _ => {}
    }
}
