#!/usr/bin/env node
"use strict";
require("../dist/protoc-gen-mesh.cjs");
