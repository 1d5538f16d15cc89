#!/bin/sh
wget http://a.example/1
curl -O http://a.example/2
