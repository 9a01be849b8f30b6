#!/usr/bin/env node
"use strict";
require("../dist/buf-plugin-mesh.cjs");
