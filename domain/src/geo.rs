//! Distances on a sphere of radius 6,371 km; the SQL twin is `haversine_km`. Where many are compared, the square of the chord
//! is compared instead: it grows with the distance and needs no sine.

pub const EARTH_RADIUS_KM: f64 = 6371.0;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Degrees, −90 to 90.
    pub latitude: f64,
    /// Degrees, −180 to 180.
    pub longitude: f64,
}

impl Point {
    /// To 7 decimals, about a centimetre. Finer values mean nothing and underflow in trigonometry, which PostgreSQL reports as
    /// an error.
    pub fn rounded(self) -> Self {
        Self { latitude: rounded(self.latitude), longitude: rounded(self.longitude) }
    }

    /// Both or neither.
    pub fn from_pair(latitude: Option<f64>, longitude: Option<f64>) -> Option<Self> {
        Some(Self { latitude: latitude?, longitude: longitude? })
    }

    /// Great-circle distance in kilometres (Haversine).
    pub fn distance_km(self, other: Self) -> f64 {
        let half_latitude = (other.latitude - self.latitude).to_radians() / 2.0;
        let half_longitude = (other.longitude - self.longitude).to_radians() / 2.0;
        let a = half_latitude.sin().powi(2)
            + self.latitude.to_radians().cos()
                * other.latitude.to_radians().cos()
                * half_longitude.sin().powi(2);
        2.0 * EARTH_RADIUS_KM * a.sqrt().min(1.0).asin()
    }

    /// As `talent_search` keeps its talents.
    pub fn on_unit_sphere(self) -> [f64; 3] {
        let (latitude, longitude) = (self.latitude.to_radians(), self.longitude.to_radians());
        [latitude.cos() * longitude.cos(), latitude.cos() * longitude.sin(), latitude.sin()]
    }

    /// A box that contains the circle, for an index to search: (south, north, west, east) in degrees. Near the poles and
    /// across the 180th meridian every longitude is inside, so that the box never cuts the circle.
    pub fn bounds(self, radius_km: f64) -> Bounds {
        let angle = (radius_km / EARTH_RADIUS_KM).to_degrees() * 1.000_001;
        let south = (self.latitude - angle).max(-90.0);
        let north = (self.latitude + angle).min(90.0);
        let ratio = angle.to_radians().sin() / self.latitude.to_radians().cos();
        let whole = Bounds { south, north, west: -180.0, east: 180.0 };
        if south <= -90.0 || north >= 90.0 || ratio >= 1.0 {
            return whole;
        }
        let reach = ratio.asin().to_degrees() * 1.000_001;
        let bounds = Bounds { west: self.longitude - reach, east: self.longitude + reach, ..whole };
        if bounds.west < -180.0 || bounds.east > 180.0 { whole } else { bounds }
    }
}

/// The square of the straight line, on the unit sphere, between two points this far apart: four times the haversine.
pub fn chord_squared(distance_km: f64) -> f64 {
    4.0 * (distance_km / (2.0 * EARTH_RADIUS_KM)).sin().powi(2)
}

/// A coordinate as it is stored: degrees to 7 decimals.
pub fn rounded(degrees: f64) -> f64 {
    (degrees * 1e7).round() / 1e7
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    pub south: f64,
    pub north: f64,
    pub west: f64,
    pub east: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARIS: Point = Point { latitude: 48.8566, longitude: 2.3522 };
    const LYON: Point = Point { latitude: 45.7640, longitude: 4.8357 };

    #[test]
    fn paris_to_lyon() {
        assert!((PARIS.distance_km(LYON) - 392.0).abs() < 1.0);
        assert_eq!(PARIS.distance_km(PARIS), 0.0);
    }

    #[test]
    fn a_chord_is_as_long_as_its_arc_says() {
        let (paris, lyon) = (PARIS.on_unit_sphere(), LYON.on_unit_sphere());
        let chord: f64 = paris.iter().zip(lyon).map(|(a, b)| (a - b).powi(2)).sum();
        assert!((chord - chord_squared(PARIS.distance_km(LYON))).abs() < 1e-15);
    }

    #[test]
    fn the_box_contains_the_circle() {
        for latitude in [-89.5, -60.0, 0.0, 44.0, 48.8, 89.9] {
            for longitude in [-179.9, -3.0, 0.0, 2.3, 179.95] {
                let center = Point { latitude, longitude };
                let bounds = center.bounds(200.0);
                for step in 0..360 {
                    // Walk outwards until just inside the radius, then ask the box.
                    let (sin, cos) = f64::from(step).to_radians().sin_cos();
                    let edge = Point {
                        latitude: latitude + sin * 1.79,
                        longitude: longitude + cos * 1.79 / latitude.to_radians().cos(),
                    };
                    let inside = edge.latitude.abs() <= 90.0 && edge.longitude.abs() <= 180.0;
                    if inside && center.distance_km(edge) <= 200.0 {
                        assert!(edge.latitude >= bounds.south && edge.latitude <= bounds.north);
                        assert!(
                            edge.longitude >= bounds.west && edge.longitude <= bounds.east,
                            "{center:?} {edge:?}"
                        );
                    }
                }
            }
        }
    }
}
