module jaxbroker.test/contract

go 1.23
