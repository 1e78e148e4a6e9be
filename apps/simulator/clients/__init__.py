"""Connected clients: their reception, their session and the streams they opened."""
