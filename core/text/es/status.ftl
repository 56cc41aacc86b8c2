### Dónde está un paquete: estados, fases de códigos desconocidos, etapas y las frases que los rodean.
### $audience es "recipient" (destinatario) o "shipper" (remitente).

status-pending = Aún sin noticias
    .text = Ningún transportista ha comunicado todavía nada sobre el paquete.
    .next = { $audience ->
        [recipient] No tiene que hacer nada. Vuelva a consultarlo más tarde.
       *[shipper] Compruebe el número si dentro de unos días sigue sin haber noticias.
    }
status-info-received = Anunciado al transportista
    .text = El transportista sabe del paquete y todavía no lo tiene.
    .next = { $audience ->
        [recipient] No tiene que hacer nada.
       *[shipper] Entregue el paquete al transportista si aún no lo ha hecho.
    }
status-in-transit = En camino
    .text = { $audience ->
        [recipient] El paquete está en camino hacia usted.
       *[shipper] El paquete está en camino hacia el destinatario.
    }
    .next = No tiene que hacer nada.
status-out-for-delivery = En reparto
    .text = El paquete está en el vehículo de reparto.
    .next = { $audience ->
        [recipient] Procure que alguien pueda recibirlo.
       *[shipper] No tiene que hacer nada.
    }
status-delivery-attempted = Entrega fallida
    .text = El transportista no pudo entregar el paquete.
    .next = { $audience ->
        [recipient] Busque un aviso del transportista. En él dice qué puede hacer.
       *[shipper] El destinatario tiene que acordar una nueva entrega con el transportista.
    }
status-available-for-pickup = Listo para recoger
    .text = { $audience ->
        [recipient] Ya puede recoger el paquete.
       *[shipper] El destinatario ya puede recoger el paquete.
    }
    .next = { $audience ->
        [recipient] Recójalo a tiempo y lleve un documento de identidad.
       *[shipper] No tiene que hacer nada.
    }
status-delivered = Entregado
    .text = El paquete ha sido entregado.
    .next = { $audience ->
        [recipient] Si no lo tiene, pregunte en casa y a los vecinos, y después al remitente.
       *[shipper] No tiene que hacer nada.
    }
status-returning = De vuelta hacia el remitente
    .text = El paquete vuelve al remitente.
    .next = { $audience ->
        [recipient] Pregunte al remitente por otro envío o por su dinero.
       *[shipper] Acuerde con el destinatario otro envío o un reembolso.
    }
status-returned = Devuelto al remitente
    .text = El remitente vuelve a tener el paquete.
    .next = { $audience ->
        [recipient] Pregunte al remitente por otro envío o por su dinero.
       *[shipper] Acuerde con el destinatario otro envío o un reembolso.
    }
status-cancelled = Cancelado
    .text = El envío se canceló antes de empezar.
    .next = { $audience ->
        [recipient] Pregunte al remitente si todavía espera el paquete.
       *[shipper] No tiene que hacer nada.
    }
status-failed = No va a llegar
    .text = El paquete no va a llegar. Se perdió, fue destruido o una autoridad lo confiscó.
    .next = { $audience ->
        [recipient] Pregunte al remitente por otro envío o por su dinero.
       *[shipper] Reclame una indemnización y acuerde con el destinatario otro envío o un reembolso.
    }

## De qué trata un código de una versión posterior: la primera cifra de su número.

phase-1 = Antes del viaje
    .text = Hay noticias de antes de que el transportista recibiera el paquete.
phase-2 = Al principio
    .text = Hay noticias del lugar de donde salió el paquete.
phase-3 = En camino
    .text = Hay noticias del viaje del paquete.
phase-4 = En la aduana
    .text = Hay noticias de la aduana sobre el paquete.
phase-5 = Cerca del destino
    .text = Hay noticias de la zona de entrega.
phase-6 = Entrega
    .text = Hay noticias sobre la entrega del paquete.
phase-7 = Devolución
    .text = Hay noticias sobre la devolución del paquete.
phase-8 = Problema
    .text = Hay noticias sobre un problema con el paquete.
phase-9 = Nota
    .text = Hay una nota sobre el paquete.

## Etapas del viaje.

milestone-info-received = Anunciado al transportista
milestone-picked-up = En manos del transportista
milestone-in-transit = En camino
milestone-at-facility = En un centro
milestone-departed-origin = Ha salido del país de origen
milestone-arrived-destination = Ha llegado al país de destino
milestone-customs-cleared = Liberado por la aduana
milestone-out-for-delivery = En reparto
milestone-available-for-pickup = Listo para recoger
milestone-delivered = Entregado
milestone-returning = Devolución iniciada
milestone-returned = Devuelto al remitente

## Las frases que los rodean.

# Lo que va entre dos frases.
between = { " " }
because = Motivo: { $reason }.
last-seen = Última noticia: { $place }, { $date }.
last-place = Última noticia: { $place }.
last-time = Última noticia: { $date }.
place = { $city }, { $country }
next = A continuación: { $milestone }.
announced = La entrega está anunciada para el { $date }.
announced-between = La entrega está anunciada entre el { $start } y el { $end }.
forecast = Esperamos la entrega el { $date }. Es una estimación nuestra a partir de { $count } envíos en esta ruta; el transportista no lo ha dicho.
forecast-between = Esperamos la entrega entre el { $start } y el { $end }. Es una estimación nuestra a partir de { $count } envíos en esta ruta; el transportista no lo ha dicho.
silence-sea = El envío viaja en barco. No se esperan novedades hasta alrededor del { $date }; es normal.
silence-air = El envío viaja entre dos países. No se esperan novedades hasta alrededor del { $date }; es normal.
silence-lane = En esta ruta nadie registra el envío durante un tiempo. No se esperan novedades hasta alrededor del { $date }; es normal.
silence-peak = Es temporada alta. No se esperan novedades hasta alrededor del { $date }; es normal.
collect-by = Último día para recogerlo: { $date }.
deadline = Plazo: { $date }.
carrier-name = Transportista: { $carrier }.
resolved = Esto ya está resuelto.
# Un día cuya zona horaria nadie conoce.
in-utc = { $date } (UTC)
date = { $day } de { $month ->
    [1] enero
    [2] febrero
    [3] marzo
    [4] abril
    [5] mayo
    [6] junio
    [7] julio
    [8] agosto
    [9] septiembre
    [10] octubre
    [11] noviembre
   *[12] diciembre
} de { $year }
