#!/usr/bin/env node
import "../dist/protomesh.js";
